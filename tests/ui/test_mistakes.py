"""What a new user gets wrong, and the message for each: read tests/goldens/mistakes.txt."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.cli import run
from tests.goldens import check
from tests.simulator.hosts import build
from tests.simulator.tree import TreeBuilder

GOLDEN = Path(__file__).parents[1] / "goldens/mistakes.txt"
VM_MEMORY = """[[hugepages.pages]]
size = '1G'
count = 4
[[vm]]
name = "w"
definition = "w.xml"
[vm.memory]
size = "16G"
hugepages = "1G"
"""
GPU = '[[device]]\nname = "gpu"\naddress = "0000:0b:00.0"\n'


@dataclass(frozen=True)
class Mistake:
    """What the user did: the command (``SPEC`` stands for the file with ``spec`` in it), on one of
    the example hosts."""

    story: str
    spec: str = ""
    argv: tuple[str, ...] = ("--plan", "SPEC")
    host: str = "amd-workstation"
    files: dict[str, str] = field(default_factory=dict)
    root: bool = True


def say(story: str, *argv: str, root: bool = False, **files: str) -> Mistake:
    """A mistake on the command line."""
    return Mistake(story, argv=argv, root=root, files=files)


def spec(story: str, text: str, host: str = "amd-workstation") -> Mistake:
    """A mistake in a spec that is planned."""
    return Mistake(story, text if "version" in text else f"version = 1\n{text}", host=host)


CHAPTERS: dict[str, list[Mistake]] = {
    "The command line": [
        say("No mode at all", "host.toml"),
        say("A subcommand instead of an option", "plan", "host.toml"),
        say("Two modes", "--plan", "--apply", "host.toml"),
        say("A mode mistyped", "--aply", "host.toml"),
        say("A format that there is not", "--plan", "host.toml", "--format", "yaml"),
        say("No spec written yet", "--plan"),
        say("A spec that is not there", "--plan", "a.tml", a="version = 1\n"),
        say("A folder without a spec for this machine", "--plan", ".", root=True),
        say(
            "A spec where a capture belongs",
            "--plan",
            "a.toml",
            "--state",
            "a.toml",
            a="version = 1\n",
        ),
        say("Applying to a capture", "--apply", "a.toml", "--state", "c.json"),
        say("Applying something that is no plan", "--apply", "a.json", root=True, a='{"x": 1}'),
        say("Saving a plan while applying", "--apply", "a.toml", "--out", "plan.json"),
        say("A host folder that is not there", "--plan", "a.toml", "--root", "/mnt/sysrot"),
        say("Checking nothing", "--validate"),
        say("Undoing what never was", "--rollback", root=True),
        say("A value that is missing", "--plan", "host.toml", "--out"),
        say("A file too many", "--plan", "host.toml", "small.toml"),
        say("A run that never was", "--rollback", "20260101T000000Z-1", root=True),
        say("A capture that is a folder", "--plan", "a.toml", "--state", ".", a="version = 1\n"),
        say("A capture of something else", "--inspect", "--state", "a.json", a='{"x": 1}'),
        say("A picture of something else", "--history", "--format", "html"),
        say("A spec for a device by its nickname", "--init", "--for", "radeon", root=True),
        say("A spec for the system disk", "--init", "--for", "04:00.0", root=True),
    ],
    "The file": [
        spec("An address without quotes", "[[device]]\naddress = 0000:0b:00.0\n"),
        spec("A CPU list without quotes", "[cpu]\nisolated = 2-7\n"),
        spec("Curly quotes from a web page", "[host]\nhostname = “studio”\n"),
        spec("A table where a list of tables belongs", GPU.replace("[[device]]", "[device]")),
        spec("A colon instead of an equal sign", "[host]\nhostname: studio\n"),
        spec("No version", "# version\n" + GPU),
        spec("A key mistyped", "[cpu]\nisolatd = '2-7'\n"),
        spec("A key in the wrong table", "[boot]\nisolated = '2-7'\n"),
        spec("Arguments in one string", "[boot]\nkernel_args = 'quiet iommu=pt'\n"),
        spec("Powers of ten", "[[hugepages.pages]]\nsize = '1GB'\ncount = 4\n"),
        spec("Two ids in one string", '[[device]]\nname = "gpu"\nid = "1002:731f,1002:ab38"\n'),
        spec("An address without its function", '[[device]]\nname = "gpu"\naddress = "0b:00"\n'),
        spec("Ids as C writes them", '[[device]]\nname = "gpu"\nid = "0x1002:0x731f"\n'),
        spec("A device that nothing selects", '[[device]]\nname = "gpu"\n'),
        spec("A device without a name", '[[device]]\naddress = "0000:0b:00.0"\n'),
        spec("A MAC address with dashes", '[[device]]\nname = "n"\nmac = "3c-fd-fe-00-00-01"\n'),
        spec("Pins as numbers", '[[vm]]\nname = "w"\n[vm.cputune]\nvcpupin = [2, 3]\n'),
        spec("Memory without a unit", '[[vm]]\nname = "w"\n[vm.memory]\nsize = "16"\n'),
        spec("A range the wrong way round", "[cpu]\nisolated = '7-2'\n"),
        spec("A key of libvirt's XML", '[[vm]]\nname = "w"\n[vm.memory]\nhugepage = "1G"\n'),
        spec("yes for true", "[boot]\ntrial = 'yes'\n"),
        spec("A VM with a device that is not declared", '[[vm]]\nname = "w"\ndevices = ["gpu"]\n'),
        spec("One name for two devices", GPU + GPU.replace("0b", "0a")),
        spec("A role that is not there", 'version = 1\nextends = ["../roles/gpu.toml"]\n'),
    ],
    "The host": [
        spec("The spec of another machine", '[host]\nhostname = "studio2"\n'),
        spec("A slot that is empty", GPU.replace("0b", "0c")),
        spec("Another card in the slot", GPU + 'id = "10de:2489"\n'),
        spec("Two cards of one kind", '[[device]]\nname = "gpu"\nid = "1002:731f"\n'),
        spec("The system disk", GPU.replace("0b:00.0", "04:00.0")),
        spec("The card with the default route", GPU.replace("0b:00.0", "05:00.0")),
        spec("A bridge", GPU.replace("0b:00.0", "00:03.2")),
        spec("Half of a shared group", GPU.replace("0b:00.0", "07:00.0")),
        spec("CPUs that are not there", "[cpu]\nisolated = '12-31'\n"),
        spec("All CPUs for VMs", "[cpu]\nisolated = '0-23'\n"),
        spec("A CPU for both", "[cpu]\nisolated = '2-7'\nreserved = '0-2'\n"),
        spec("More huge pages than memory", "[[hugepages.pages]]\nsize = '1G'\ncount = 640\n"),
        spec(
            "More VFs than the card has",
            _vfs := '[[sriov]]\nname = "f"\naddress = "3b:00.0"\nvfs = 100\n',
            "sriov-server",
        ),
        spec("VFs of a card that has none", _vfs.replace("3b:00.0", "0b:00.0")),
        spec(
            "The root file system on the command line", '[boot]\nkernel_args = ["root=/dev/sda"]\n'
        ),
        spec(
            "A boot loader of another machine",
            '[boot]\nloader = "systemd-boot"\nkernel_args = ["quiet"]\n',
        ),
        spec(
            "Page sizes that the processor does not have",
            "[[hugepages.pages]]\nsize = '4M'\ncount = 1\n",
        ),
        Mistake(
            "A sibling of another group (a warning)",
            "version = 1\n" + GPU + 'accept_siblings = ["0000:07:00.0"]\n',
            ("--plan", "SPEC", "-q"),
        ),
        spec("More pages for a VM than there are", VM_MEMORY),
        spec(
            "A pin on a CPU that is not there",
            '[[vm]]\nname = "win11"\n[vm.cputune]\nvcpupin = ["2", "99"]\n',
        ),
    ],
}


def host(name: str, root: Path) -> None:
    """An example host; the workstation has two functions in one group, too."""
    tree: TreeBuilder = build(name, root)
    if name == "amd-workstation":
        tree.function("0000:07:00.0", "0x0c0330", "1022:43ee", driver="xhci_hcd", group=30)
        tree.function("0000:07:00.1", "0x010601", "1022:43eb", driver="ahci", group=30)
        tree.finish()


def told(number: int, mistake: Mistake, place: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """One entry: the story, the spec, the command and what it answered."""
    monkeypatch.chdir(place)
    ending = "json" if "a.json" in mistake.argv else "toml"
    for name, text in mistake.files.items():
        (place / f"{name}.{ending}").write_text(text)
    shown = [w.replace("SPEC", "host.toml") for w in mistake.argv]
    if mistake.spec:
        (place / "host.toml").write_text(mistake.spec)
    more = ["--root", str(place.parent / mistake.host)] if mistake.root else []
    found = run(*shown, *more)
    assert found.code or "warning" in mistake.story, (mistake, found)
    answer = (found.out + found.err).replace(str(place), "/home/me").replace(str(place.parent), "")
    lines = [f"{number}. {mistake.story}"]
    lines += [f"   | {line}" for line in mistake.spec.splitlines()]
    lines += [f"   $ reconcile {' '.join(shown)}"]
    lines += [f"   {line}".rstrip() for line in answer.splitlines()]
    return "\n".join([*lines, f"   (exit {found.code})"])


def test_every_mistake_gets_a_good_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RECONCILE_SPEC", raising=False)
    for name in ("amd-workstation", "sriov-server"):
        host(name, tmp_path / name)
    number = 0
    parts = []
    for chapter, mistakes in CHAPTERS.items():
        parts.append(f"{chapter}\n{'=' * len(chapter)}")
        for mistake in mistakes:
            number += 1
            place = tmp_path / f"m{number}"
            place.mkdir()
            parts.append(told(number, mistake, place, monkeypatch))
    assert number >= 40
    check(GOLDEN, "\n\n".join(parts) + "\n")
