"""Entries that a tool of the distribution writes anew from one source file.

That file is edited, the tool is run, and the entries are read back where they can be: an entry
edited by itself would last until the tool's next run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backends import efi
from backends.bootloader.bls import type1
from backends.bootloader.bls_edit import (
    CMDLINE,
    Dialect,
    configured_line,
    line_for_new_kernels,
)
from backends.bootloader.detect import running_arguments
from backends.bootloader.expect import wrong_arguments
from backends.bootloader.grub_defaults import source_file
from backends.bootloader.shares import remembering, shares
from backends.bootloader.state import (
    BootEdit,
    BootEntry,
    BootProblem,
    BootState,
    BootWish,
    FileEdit,
    SourceFile,
)
from backends.bootloader.wishes import beyond_editing, retired, spelled
from backends.formats.cmdline import edit
from backends.reader import Reader
from backends.steps import Expect, Run
from specs.errors import ReconcileError
from specs.record import Record, replace

FOLDER = "entries in"
GRUB = "entries are read by GRUB"
_PROGRAMS = ("/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin")
Edit = Callable[[BootState, SourceFile, BootWish, Sequence[str]], "FileEdit | None"]


class Tool(Record):
    """``argv`` writes every entry anew from ``path``."""

    name: str
    argv: tuple[str, ...]
    path: str
    timeout: float = 900.0

    def installed(self, reader: Reader) -> str | None:
        """Where its program lies, or None."""
        places = (f"{folder}/{self.argv[0]}" for folder in _PROGRAMS)
        return next((p for p in places if reader.exists(p)), None)


def edit_by(tool: Tool, edit_source: Edit, state: BootState, wish: BootWish) -> BootEdit:
    """The source edited and the tool run, or the tool alone where entries are behind it."""
    source = state.source(tool.path) or SourceFile(tool.path, None)
    words = state.configured if state.configured is not None else state.running
    ours = [a for a in wish.owned if a not in wish.kept.get(tool.path, ())]
    base = edit(words, remove=spelled(ours), add=())
    shared = shares(wish, [base])
    wish, left = remembering({tool.path: base}, wish, shared.added)
    try:
        change = edit_source(state, source, wish, shared.added)
    except ReconcileError as e:  # of the format that the file is in
        return BootEdit(problems=(beyond_editing(e, tool.path),))
    files = (change,) if change else ()
    expect = _expect(state, wish)
    behind = "" if files or expect is None else wrong_arguments(state.normal(), expect) or ""
    steps = (Run(tool.argv, tool.timeout, expect, regenerates=True),) if files or behind else ()
    problems = (*shared.problems, *(_unseen(state, tool) if steps else ()))
    return BootEdit(files, steps, shared.added, shared.already, behind, problems, left)


def _expect(state: BootState, wish: BootWish) -> Expect | None:
    folder = state.fact(FOLDER)
    if not (folder and (wish.args or wish.absent or wish.owned)):
        return None
    return Expect(
        "grub-loader-entries" if state.fact(GRUB) else "loader-entries",
        folder,
        tuple(wish.args),
        (*wish.absent, *retired(wish)),
        words=tuple(e.id for e in state.normal()),
    )


def _unseen(state: BootState, tool: Tool) -> tuple[BootProblem, ...]:
    """Nothing but the tool's exit status tells what became of the entries."""
    if state.fact(FOLDER):
        return ()
    message = f"{tool.name} writes the entries to a place that cannot be read from here"
    hint = f"{tool.path} is checked; look at the running command line after the reboot"
    return (BootProblem("entries-unseen", message, hint, tool.path, refuse=False),)


class LineTool:
    """A backend of a tool whose source is /etc/kernel/cmdline."""

    def __init__(self, tool: Tool, dialect: Dialect) -> None:
        self.tool = tool
        self.dialect = dialect

    def read(
        self, reader: Reader, evidence: tuple[str, ...], entries: Sequence[BootEntry], folder: str
    ) -> BootState:
        """The line and what came of it; ``folder`` has the entries, or is empty."""
        line = source_file(reader, CMDLINE)
        configured, gap = configured_line(reader, line, self.dialect.reads)
        return BootState(
            loader=self.tool.name,
            evidence=evidence,
            running=running_arguments(reader),
            entries=tuple(entries),
            configured=configured,
            configured_gap=gap,
            sources=(line,),
            facts=((FOLDER, folder),) if folder else (),
        )

    def edit(self, state: BootState, wish: BootWish) -> BootEdit:
        """The line, and the tool."""

        def line(
            state: BootState, source: SourceFile, wish: BootWish, added: Sequence[str]
        ) -> FileEdit | None:
            return line_for_new_kernels(state, source, wish, added, self.dialect)

        return edit_by(self.tool, line, state, wish)


def entries_on_esp(
    reader: Reader, ours: Callable[[str], bool], *, grub: bool = False
) -> tuple[tuple[BootEntry, ...], str]:
    """Entries whose file name is one of the tool's, on the first boot partition that has some,
    and that partition; the entries of others are foreign."""
    for folder in efi.boot_folders(reader):
        found = [entry for _, entry in type1(reader, folder, "", {} if grub else None)]
        if any(ours(e.source.rpartition("/")[2]) for e in found):
            return tuple(_owned(e, ours) for e in found), folder
    return (), ""


def _owned(entry: BootEntry, ours: Callable[[str], bool]) -> BootEntry:
    if ours(entry.source.rpartition("/")[2]) or entry.kind != "normal":
        return entry
    return replace(entry, kind="foreign")
