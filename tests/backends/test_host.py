"""Performing steps, and undoing them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backends.host import Host
from backends.inverse import in_order, inverse
from backends.runner import Place, here
from backends.steps import (
    Expect,
    RemoveFile,
    RenameFile,
    Run,
    Step,
    StepError,
    WriteAttribute,
    WriteFile,
    step_from_json,
)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A tree with one file and one attribute."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/old").write_bytes(b"old\xff")
    (tmp_path / "sys").mkdir()
    (tmp_path / "sys/attr").write_text("before\n")
    return Host(tmp_path)


STEPS: list[Step] = [
    WriteFile("/etc/new/deep/file", b"x", 0o600),
    WriteFile("/etc/old", b"other", 0o640),
    RemoveFile("/etc/old"),
    RemoveFile("/etc/none"),
    RenameFile("/etc/old", "/etc/name"),
    WriteAttribute("/sys/attr", "after"),
]


def _tree(root: str) -> dict[str, tuple[int, bytes]]:
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            found[str(path)] = (path.stat().st_mode, path.read_bytes())
        found[folder] = (0, b"")
    return found


@pytest.mark.parametrize("step", STEPS, ids=lambda s: s.preview())
def test_undo_brings_everything_back(host: Host, step: Step) -> None:
    before = _tree(host.root)
    undo = inverse(host, step)
    source = inverse(host, RemoveFile("/etc/old")) if isinstance(step, RenameFile) else ()
    host.perform(step)
    for back in in_order([source, undo]):
        host.perform(back)
    assert _tree(host.root) == before


@pytest.mark.parametrize("step", [*STEPS, Run(("true", "a b"), touches=("/x",), regenerates=True)])
def test_steps_survive_json(step: Step) -> None:
    assert step_from_json(step.to_json()) == step


def test_what_makes_a_file_again_survives_json() -> None:
    step = RenameFile("/boot/image~", "/boot/image", again=("make", "/boot/image~"))
    assert step_from_json(step.to_json()) == step


def test_a_missing_attribute_is_an_error(host: Host) -> None:
    with pytest.raises(StepError, match="No such file"):
        host.perform(WriteAttribute("/sys/none", "1"))
    assert not os.path.exists(f"{host.root}/sys/none")


def test_a_write_that_hangs_is_given_up(host: Host) -> None:
    os.mkfifo(f"{host.root}/sys/stuck")
    with pytest.raises(StepError, match="did not finish within"):
        host.perform(WriteAttribute("/sys/stuck", "1", timeout=0.3))


def test_a_failing_program_is_quoted_for_repetition() -> None:
    with pytest.raises(StepError) as caught:
        Host().perform(Run(("sh", "-c", "echo no room >&2; exit 7")))
    assert "exit status 7" in caught.value.message
    assert "no room" in caught.value.message
    assert "sh -c" in caught.value.hint


def test_a_missing_program_is_named() -> None:
    with pytest.raises(StepError, match="program not found"):
        Host().perform(Run(("no-such-program-here",)))


def test_a_link_out_of_the_tree_is_written_inside(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "victim").write_text("precious")
    (root / "etc").mkdir()
    (root / "etc/file").symlink_to("/../victim")
    Host(root).perform(WriteFile("/etc/file", b"new"))
    assert (tmp_path / "victim").read_text() == "precious"
    assert (root / "victim").read_bytes() == b"new"


class WithPrograms(Host):
    """A tree on which this machine's own programs run."""

    def place(self) -> Place:
        """This machine."""
        return here()


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (b"menuentry 'x' {\n>>>\x00\xff}", "it made something that cannot be read"),
        (b"", "has no entry that boots this system"),
    ],
)
def test_a_program_that_prints_garbage_is_named_with_its_command(
    tmp_path: Path, made: bytes, why: str
) -> None:
    (tmp_path / "grub.cfg").write_bytes(made)
    step = Run(("true", "-o", "/grub.cfg"), expect=Expect("grub-cfg", "/grub.cfg", ("a=1",)))
    with pytest.raises(StepError, match=why) as told:
        WithPrograms(tmp_path).run_step(step)
    assert str(told.value).startswith("/grub.cfg: true -o /grub.cfg: ")
    assert "true -o /grub.cfg" in told.value.hint
