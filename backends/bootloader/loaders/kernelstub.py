"""Pop!_OS kernelstub: its configuration holds the words, each of its runs writes the entries.

kernelstub is run without options: its -a drops repeats, its -d shuffles what is left. Both of its
entries get the same words, so the recovery partition's entry is the only way back. Source:
pop-os/kernelstub (application.py, installer.py, config.py); read, not run.
"""

from __future__ import annotations

from collections.abc import Sequence

from backends.bootloader.by_tool import FOLDER, Tool, edit_by, entries_on_esp
from backends.bootloader.detect import running_arguments, with_problems
from backends.bootloader.grub_defaults import source_file
from backends.bootloader.in_place import edit_file
from backends.bootloader.state import (
    BootEdit,
    BootProblem,
    BootState,
    BootWish,
    Evidence,
    FileEdit,
    SourceFile,
    Strength,
)
from backends.bootloader.wishes import absent_in, beyond_editing, spelled
from backends.formats.kernel_arg import kernel_form
from backends.formats.kernelstub_conf import KernelstubError, as_saved, options, with_options
from backends.reader import Reader
from backends.steps import WriteFile
from specs.record import replace

CONFIGURATION = "/etc/kernelstub/configuration"
_TOOL = Tool("kernelstub", ("kernelstub",), CONFIGURATION)
_ENTRIES = ("-current.conf", "-oldkern.conf")


class Kernelstub:
    """The backend."""

    name = _TOOL.name

    def detect(self, reader: Reader) -> Evidence | None:
        """The program and its configuration."""
        program = _TOOL.installed(reader)
        if program is None or not reader.exists(CONFIGURATION):
            return None
        sentences = (f"{program} exists", f"{CONFIGURATION} exists")
        return Evidence(Strength.OWNS, sentences, serves="systemd-boot")

    def read(self, reader: Reader, evidence: tuple[str, ...]) -> BootState:
        """The words, and its two entries; without a loader it writes to the firmware."""
        source = source_file(reader, CONFIGURATION)
        entries, folder = entries_on_esp(reader, lambda name: name.endswith(_ENTRIES))
        state = BootState(
            loader=self.name,
            evidence=evidence,
            running=running_arguments(reader),
            entries=entries,
            sources=(source,),
            facts=((FOLDER, folder),) if folder else (),
        )
        try:
            return replace(state, configured=options(source.text))
        except KernelstubError as e:
            return with_problems(state, beyond_editing(e, CONFIGURATION))

    def edit(self, state: BootState, wish: BootWish) -> BootEdit:
        """The configuration, the tool, and where that spells it otherwise the bytes once more."""
        change = edit_by(_TOOL, _configuration, state, wish)
        return replace(
            change,
            regenerate=(*change.regenerate, *(s for f in change.files for s in _spelled_again(f))),
            problems=(*change.problems, *(_shared() if change.files else ())),
        )


BACKEND = Kernelstub()


def _configuration(
    state: BootState, source: SourceFile, wish: BootWish, added: Sequence[str]
) -> FileEdit | None:
    ours = [a for a in wish.owned if a not in wish.kept.get(CONFIGURATION, ())]
    new = [kernel_form(a) for a in added]
    return edit_file(
        source,
        wish.owned_files.get(CONFIGURATION),
        lambda text: with_options(text, spelled(ours), ()),
        lambda text: with_options(text, absent_in(options(text), wish), new),
    )


def _spelled_again(file: FileEdit) -> tuple[WriteFile, ...]:
    """kernelstub writes the file in a spelling of its own: the user's bytes come after it."""
    text = (file.after or b"").decode("utf-8", "surrogateescape")
    same = as_saved(text) == text
    return () if same or file.after is None else (WriteFile(file.path, file.after, file.mode),)


def _shared() -> tuple[BootProblem, ...]:
    message = "kernelstub gives its entry for the old kernel the same arguments"
    hint = "the way back is the recovery partition; keep a second one, or try by hand first"
    return (BootProblem("rescue-entry-shared", message, hint, CONFIGURATION, refuse=False),)
