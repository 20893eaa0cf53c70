"""Plan, apply, apply again and undo with the real grub-mkconfig and update-initramfs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from backends.formats import cmdline
from backends.formats.grub.words import kernel_line, words
from tests.cli import Ran, run
from tests.formats.test_cmdline import next_args
from tests.lab.base import CHECKOUT
from tests.roots.conftest import Fresh
from tests.roots.enter import run_in
from tests.roots.machine import AUDIO, GPU, simulate
from tests.roots.snapshot import snapshot
from tests.roots.trace import changing_calls

pytestmark = pytest.mark.roots

SPEC = f"""version = 1
[host]
hostname = "kvm-01"
[boot]
kernel_args = ["mitigations=auto"]
[[device]]
name = "gpu"
address = "{GPU}"
id = "10de:2489"
accept_siblings = ["{AUDIO}"]
"""
WANTED = "intel_iommu=on iommu=pt mitigations=auto"
RECOVERY = {
    "bookworm": "single",
    "trixie": "single dis_ucode_ldr",
    "dracut": "single dis_ucode_ldr",
}
GRUB = ["bookworm", "trixie", "dracut"]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A card for a VM, and an argument of the user's own."""
    path = tmp_path / "host.toml"
    path.write_text(SPEC)
    return path


def mode(name: str, spec: Path, root: Path, *options: str) -> Ran:
    """``reconcile MODE SPEC --root ROOT``."""
    return run(f"--{name}", spec, "--root", root, *options)


def first_spec_changes_nothing(root: Path, folder: Path) -> None:
    """What ``--init`` prints is the host as it is, before the tool was here and after."""
    spec = folder / "first.toml"
    spec.write_text(run("--init", "--root", root).out)
    found = mode("plan", spec, root, "--detailed-exitcode")
    assert found.code == 0, found.out


def linux_lines(root: Path) -> list[str]:
    """What GRUB will give the kernel, entry by entry, without kernel and root=."""
    text = (root / "boot/grub/grub.cfg").read_text()
    lines = re.findall(r"^\s*linux\s+\S+ root=\S+ ro\s*(.*)$", text, re.M)
    return [" ".join(line.split()) for line in lines]


@pytest.mark.parametrize("name", GRUB)
def test_apply_reboot_apply_undo(fresh_root: Fresh, spec: Path, empty: Path, name: str) -> None:
    root = fresh_root(name)
    before = snapshot(root)
    first_spec_changes_nothing(root, spec.parent)
    assert mode("plan", spec, root, "--detailed-exitcode").code == 2
    assert snapshot(root) == before

    applied = mode("apply", spec, root)
    assert applied.code == 0, applied.out + applied.err
    assert linux_lines(root) == [f"quiet {WANTED}", f"quiet {WANTED}", RECOVERY[name]]
    assert mode("plan", spec, root, "--detailed-exitcode").code == 4

    simulate(root, f"quiet {WANTED}", passed=True)
    assert mode("apply", spec, root).code == 0  # remembers the groups that are known now
    synced = mode("plan", spec, root, "--detailed-exitcode")
    assert synced.code == 0, synced.out
    first_spec_changes_nothing(root, spec.parent)

    simulate(root, "quiet")  # someone chose an older entry in the menu: nothing is bound
    undone = mode("apply", empty, root)
    assert undone.code == 0, undone.out + undone.err
    assert snapshot(root) == before


@pytest.mark.parametrize("name", GRUB)
def test_a_second_apply_writes_nothing_and_starts_nothing(
    fresh_root: Fresh, spec: Path, name: str, tmp_path: Path
) -> None:
    root = fresh_root(name)
    assert mode("apply", spec, root).code == 0
    assert second_apply_is_silent(spec, root, tmp_path) == []


def second_apply_is_silent(spec: Path, root: Path, tmp_path: Path) -> list[str]:
    """What an apply does to the system, call by call, as strace sees it."""
    trace = tmp_path / "trace"
    argv = [sys.executable, "-c", "import sys; from reconciler.cli import main; sys.exit(main())"]
    calls = "trace=%file,%process,%network,write,pwrite64,writev"
    done = subprocess.run(
        ["strace", "-f", "-qq", "-e", calls, "-o", trace, *argv, "--apply", spec, "--root", root],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return changing_calls(trace.read_text())


ODD_DEFAULTS = """\
# GRUB boot loader configuration\r
GRUB_DEFAULT=0
GRUB_CMDLINE_LINUX_DEFAULT='loglevel=3 quiet' # as the installer left it
GRUB_CMDLINE_LINUX="audit=0"
GRUB_PRELOAD_MODULES="part_gpt part_msdos\""""


def test_without_drop_ins_the_file_itself_gets_the_words_and_no_other_byte(
    fresh_root: Fresh, spec: Path, empty: Path
) -> None:
    """As upstream's grub-mkconfig (Arch, Gentoo): it sources /etc/default/grub alone."""
    root = fresh_root("trixie")
    _forget_drop_ins(root)
    defaults = root / "etc/default/grub"
    defaults.write_text(ODD_DEFAULTS, newline="")
    assert run_in(root, "grub-mkconfig", "-o", "/boot/grub/grub.cfg").returncode == 0
    before = snapshot(root)

    applied = mode("apply", spec, root)
    assert applied.code == 0, applied.out + applied.err
    assert linux_lines(root)[:2] == [f"audit=0 loglevel=3 quiet {WANTED}"] * 2
    old, new = ODD_DEFAULTS.split("\n"), defaults.read_bytes().decode().split("\n")
    assert [n for o, n in zip(old, new, strict=True) if o != n] == [
        f"GRUB_CMDLINE_LINUX_DEFAULT='loglevel=3 quiet {WANTED}' # as the installer left it"
    ]
    assert mode("plan", spec, root, "--detailed-exitcode").code == 4

    assert mode("apply", empty, root).code == 0
    assert snapshot(root) == before


def _forget_drop_ins(root: Path) -> None:
    """Take Debian's patch out of grub-mkconfig. The file is replaced: /usr is shared."""
    program = root / "usr/sbin/grub-mkconfig"
    text = program.read_text()
    loop = re.search(r"^for x in \S+/default/grub\.d/.*?^done\n", text, re.M | re.S)
    assert loop is not None
    program.unlink()
    program.write_text(text.replace(loop[0], ""))
    program.chmod(0o755)
    for name in (root / "etc/default/grub.d").iterdir():
        name.unlink()
    (root / "etc/default/grub.d").rmdir()


ODD_ARGS = [
    "memmap=4G$8G",
    'a.x="!Windows 2012"',
    "c.y=1@0:3;2",
    "g.z=*?[x]",
    "h.a=b&c|d<e",
    "i=~#",
]


@pytest.mark.parametrize("name", ["bookworm", "trixie"])
def test_odd_arguments_reach_the_kernel_through_the_real_grub_mkconfig(
    fresh_root: Fresh, tmp_path: Path, empty: Path, name: str
) -> None:
    root, spec = fresh_root(name), tmp_path / "odd.toml"
    args = ", ".join(f"'{arg}'" for arg in ODD_ARGS)
    spec.write_text(f"version = 1\n[boot]\nkernel_args = [{args}]\n")
    before = snapshot(root)
    applied = mode("apply", spec, root)
    assert applied.code == 0, applied.out + applied.err
    ours = [(cmdline.name_of(a), cmdline.value_of(a)) for a in ODD_ARGS]
    for line in linux_lines(root)[:2]:
        assert next_args(kernel_line(words(line))) == [("quiet", None), *ours]
    assert mode("apply", empty, root).code == 0
    assert snapshot(root) == before


def test_with_groups_known_a_tree_is_done_and_in_step_until_it_boots(
    fresh_root: Fresh, spec: Path, empty: Path
) -> None:
    """No kernel answers in a tree: the mark is set there, and nothing is moved or loaded here."""
    root = fresh_root("bookworm")
    simulate(root, "quiet intel_iommu=on")
    before = snapshot(root)
    applied = mode("apply", spec, root)
    assert applied.code == 0, applied.out + applied.err
    mark = root / f"sys/bus/pci/devices/{GPU}/driver_override"
    assert mark.read_text().strip() == "vfio-pci"
    assert mode("plan", spec, root, "--detailed-exitcode").code == 4
    assert "$ modprobe" not in applied.err

    undone = mode("apply", empty, root)
    assert undone.code == 0, undone.out + undone.err
    assert mark.read_text().strip() == ""
    assert snapshot(root) == before


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo no disk >&2\nexit 3", "no disk"),
        ("printf 'menuentry x {\\n'", "syntax error"),
    ],
)
def test_a_grub_mkconfig_that_fails_leaves_everything_as_it_was(
    fresh_root: Fresh, spec: Path, script: str, said: str
) -> None:
    """The real grub-mkconfig, with a script that fails or writes what GRUB would not read."""
    root = fresh_root("bookworm")
    bad = root / "etc/grub.d/41_bad"
    bad.write_text(f"#!/bin/sh\n{script}\n")
    bad.chmod(0o755)
    before = snapshot(root)
    applied = mode("apply", spec, root)
    assert applied.code == 1
    assert said in " ".join(applied.out.lower().split())
    assert snapshot(root) == before
