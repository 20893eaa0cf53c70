"""Every command and every spec of the documentation, as a reader would try them.

What looks at a host runs on an example's capture; what changes one, on a simulated host with a spec
that needs no program of the host.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
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
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "examples/README.md",
]
_CHANGES = {
    "--apply",
    "--rollback",
    "--confirm",
    "--history",
    "--capture",
    "--out",
    "--detailed-exitcode",
}


_BLOCK = re.compile(r"^```(sh|text|yaml)\n(.*?)^```|^ {4}(\w[^\n]*)$", re.M | re.S)
_PROGRAMS = ("reconcile", "apt", "pipx", "make")


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Commands, one line each, and what is printed as their output (``text``), in order."""
    for kind, body, indented in _BLOCK.findall(page.read_text()):
        if kind == "text":
            yield "text", body
        elif kind == "yaml":  # steps of a pipeline; what is not ours is left to it
            runs = re.findall(r"- run: (reconcile .*)", body)
            yield from (("command", line) for line in runs)
        else:
            for line in body.splitlines() or [indented]:
                if kind or line.startswith(_PROGRAMS):
                    plain = re.sub(r"\s+#.*", "", line)
                    yield from (("command", one) for one in plain.split(" && "))


def commands(page: Path) -> Iterator[str]:
    """The commands alone."""
    return (text for kind, text in blocks(page) if kind == "command")


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
        (folder / "examples").symlink_to(ROOT / "examples")
        (folder / "hosts").mkdir()
        shutil.copy(EXAMPLE / "host.toml", folder / "hosts/kvm-01.toml")

    def types(self, line: str) -> Ran:
        """A command, on a host where that is possible."""
        command, _, out = line.partition(" > ")
        words = shlex.split(command)
        while re.match(r"[A-Z_]+=", words[0]):  # settings before the program
            del words[0]
        program, *words = words
        if program != "reconcile":
            return self._others[program](words)
        done = run(*self._placed(words))
        if "--capture" in words:  # of the simulated host; the reader's own is the example
            assert (self.folder / words[-1]).stat().st_size > 1000
            shutil.copy(EXAMPLE / "capture.json", self.folder / words[-1])
        if out:
            (self.folder / out.strip()).write_text(done.out)
        return done

    @property
    def _others(self) -> dict[str, Callable[[list[str]], Ran]]:
        """Programs that are not ours; one that is not here has no business in the documentation."""
        return {
            "apt": lambda words: started("apt-get", "--simulate", "-qq", *words),
            "pipx": self._installs,
            "pip": lambda words: started(sys.executable, "-m", "pip", *words, "--dry-run", "-q"),
            "make": lambda words: started("make", "--dry-run", "-C", str(ROOT), *words),
            # What takes hours is there, at least.
            "pytest": _collected,
            "python": _found,
        }

    def _installs(self, words: list[str]) -> Ran:
        """The package, into a folder of its own; the command in it works."""
        assert words == ["install", "."]
        return installed()

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
        there = list(words)
        if "--root" in there:
            at = there.index("--root")
            there[at : at + 2] = []
        elif not _CHANGES & set(there):
            looks = {"--plan", "--inspect", "--init"} & set(there) and "--state" not in there
            return [*there, *(("--state", "capture.json") if looks else ())]
        if "--confirm" in there:
            return [*there, "--root", self._trial()]
        small = [w if not w.endswith(".toml") else "small.toml" for w in there]
        return [*small, "--root", str(self.tree)]


def _collected(words: list[str]) -> Ran:
    """The tests that such a call names are there, and so are the markers."""
    declared = (ROOT / "pyproject.toml").read_text()
    marked = " ".join(words[n + 1] for n, word in enumerate(words) if word == "-m")
    markers = [w for w in re.findall(r"\w+", marked) if w not in ("and", "or", "not")]
    missing = [w for w in words if w.startswith("tests/") and not (ROOT / w).exists()]
    missing += [marker for marker in markers if f'"{marker}: ' not in declared]
    return Ran(int(bool(missing)), "", f"not there: {missing}")


def _found(words: list[str]) -> Ran:
    """``python -m MODULE``: the module."""
    return Ran(int(find_spec(words[words.index("-m") + 1]) is None), "", "")


@cache
def installed() -> Ran:
    """The package was built and installed by pip, and starts from where it is then."""
    with tempfile.TemporaryDirectory() as place:
        how = ("--quiet", "--no-deps", "--no-build-isolation", "--target", place)
        done = started(sys.executable, "-m", "pip", "install", *how, str(ROOT))
        if done.code:
            return done
        code = f"import sys; sys.path.insert(0, {place!r}); import reconciler.__main__ as m"
        found = started(sys.executable, "-P", "-c", f"{code}; print(m.__file__)")
        there = (
            found.out.startswith(place) and Path(place, "reconciler/render/html/page.css").exists()
        )
        return Ran(int(not there), found.out, found.err)


def started(*argv: str, at: Path | None = None) -> Ran:
    """A program of this machine."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=300, cwd=at)
    return Ran(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_every_command_works(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    reader = Reader(tmp_path)
    shown = ""
    for kind, text in blocks(page):
        if kind == "command":
            done = reader.types(text)
            assert done.code in (0, 2), f"{text}\n{done.out}{done.err}"
            shown += done.out
        elif shown:  # the output of what was typed before; other pages show other machines
            assert [line for line in text.splitlines() if line not in shown.splitlines()] == []


def test_the_documentation_shows_every_mode() -> None:
    shown = {word for page in PAGES for line in commands(page) for word in line.split()}
    assert {f"--{mode.name}" for mode in MODES} <= shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_spec_is_valid(page: Path, tmp_path: Path) -> None:
    for number, text in enumerate(specs(page)):
        spec = tmp_path / f"{number}.toml"
        spec.write_text(text if "version" in text else f"version = 1\n{text}")
        done = run("--validate", spec)
        assert done.code == 0, f"{text}\n{done.err}"
