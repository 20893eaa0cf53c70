"""Every command and every spec of the documentation, as a reader would try them.

What looks at a host runs on an example's capture; what changes one, on a simulated host with a spec
that needs no program of the host.
"""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.formats.loader_entry import options
from reconciler.options import MODES
from tests.cli import Ran, run
from tests.simulator.hosts import build
from tests.trial.hosts import boots, grub_bls

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/intel-workstation"
SMALL = "version = 1\n[limits]\nmemlock = 'unlimited'\n"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_CHANGES = {
    "--apply",
    "--rollback",
    "--confirm",
    "--history",
    "--capture",
    "--out",
    "--detailed-exitcode",
}


def commands(page: Path) -> Iterator[str]:
    """The lines of code blocks that start the tool, without their comments."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.M | re.S)
    indented = re.findall(r"^    (reconcile .*)$", page.read_text(), re.M)
    for line in [*"".join(blocks).splitlines(), *indented]:
        if line.startswith("reconcile "):
            yield re.sub(r"\s+#.*", "", line)


def specs(page: Path) -> list[str]:
    """The specs that a page shows."""
    return re.findall(r"^```toml\n(.*?)^```", page.read_text(), re.M | re.S)


class Reader:
    """Somebody who types what a page says, in a folder with a spec."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tree = folder / "root"
        build("sriov-server", self.tree)
        (self.tree / "etc/group").write_text("kvm:x:104:\n")
        (folder / "small.toml").write_text(SMALL)
        for name in ("host.toml", "capture.json"):
            shutil.copy(EXAMPLE / name, folder)
        shutil.copy(EXAMPLE / "capture.json", folder / "host.json")

    def types(self, line: str) -> Ran:
        """A command, on a host where that is possible."""
        command, _, out = line.partition(" > ")
        words = shlex.split(command)[1:]
        done = run(*self._placed(words))
        if "--capture" in words:  # of the simulated host; the reader's own is the example
            assert (self.folder / words[-1]).stat().st_size > 1000
            shutil.copy(EXAMPLE / "capture.json", self.folder / words[-1])
        if out:
            (self.folder / out.strip()).write_text(done.out)
        return done

    def _trial(self) -> str:
        """A host in the middle of a trial boot."""
        root, spec = self.folder / "trial", self.folder / "trial.toml"
        grub_bls(root)
        spec.write_text("version = 1\n[boot]\ntrial = true\nkernel_args = ['nohz=off']\n")
        assert run("--apply", spec, "--root", root).code == 0
        (copy,) = root.glob("boot/loader/entries/*~reconcile.conf")
        boots(root, " ".join(options(copy.read_text(), grub=True) or ()), "boot-2")
        return str(root)

    def _placed(self, words: list[str]) -> list[str]:
        there = [str(self.folder / w) if re.fullmatch(r"\w+\.(toml|json)", w) else w for w in words]
        if "--root" in there:
            at = there.index("--root")
            there[at : at + 2] = []
        elif not _CHANGES & set(there):
            looks = {"--plan", "--inspect", "--init"} & set(there) and "--state" not in there
            return [*there, *(("--state", str(self.folder / "capture.json")) if looks else ())]
        if "--confirm" in there:
            return [*there, "--root", self._trial()]
        small = str(self.folder / "small.toml")
        there = [small if w == str(self.folder / "host.toml") else w for w in there]
        return [*there, "--root", str(self.tree)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_works(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    reader = Reader(tmp_path)
    for line in commands(page):
        done = reader.types(line)
        assert done.code in (0, 2), f"{line}\n{done.out}{done.err}"


def test_the_documentation_shows_every_mode() -> None:
    shown = {word for page in PAGES for line in commands(page) for word in line.split()}
    # The schema is for editors (README names it in its text).
    assert {f"--{mode.name}" for mode in MODES} - shown == {"--schema"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_spec_is_valid(page: Path, tmp_path: Path) -> None:
    for number, text in enumerate(specs(page)):
        spec = tmp_path / f"{number}.toml"
        spec.write_text(text if "version" in text else f"version = 1\n{text}")
        done = run("--validate", spec)
        assert done.code == 0, f"{text}\n{done.err}"
