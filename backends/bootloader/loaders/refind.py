"""rEFInd: the kernels in /boot are found by themselves, refind_linux.conf beside them says how.

A kernel to come is found there too and gets the same options. Without the file rEFInd makes its
own from /etc/fstab; then one is made as mkrlconf(8) does, with its two ways back. Source: rEFInd
0.13.2, "Methods of Booting Linux" and "Configuring the Boot Manager".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backends import efi
from backends.bootloader.detect import running_arguments
from backends.bootloader.grub_defaults import source_file
from backends.bootloader.in_place import edit_file, edit_own, made_by_us
from backends.bootloader.room import lacks_room, room_facts
from backends.bootloader.shares import remembering, shares
from backends.bootloader.started import by
from backends.bootloader.state import (
    BootEdit,
    BootEntry,
    BootProblem,
    BootState,
    BootWish,
    Evidence,
    FileEdit,
    SourceFile,
)
from backends.bootloader.wishes import absent_in, beyond_editing, retired, spelled
from backends.formats.cmdline import edit, has
from backends.formats.grub.cfg import is_way_back
from backends.formats.kernel_arg import kernel_form
from backends.formats.refind_conf import linux_stanzas
from backends.formats.refind_linux import Choice, RefindError, choices, edit_choice, render
from backends.reader import Reader

FOLDER = "/boot"
OPTIONS = f"{FOLDER}/refind_linux.conf"
# refind-install puts it into the first, with --usedefault into the second.
_PLACES = ("EFI/refind/refind.conf", "EFI/BOOT/refind.conf")
_LABELS = ("Boot with standard options", "Boot to single-user mode", "Boot with minimal options")


class Refind:
    """The backend."""

    name = "refind"

    def detect(self, reader: Reader) -> Evidence | None:
        """Its configuration on the ESP. It leaves no name in LoaderInfo."""
        config = _config(reader)
        if config is None:
            return None
        strength, said = by(reader, "rEFInd", mute=True)
        return Evidence(strength, (*said, f"{config} exists"))

    def read(self, reader: Reader, evidence: tuple[str, ...]) -> BootState:
        """The choices of refind_linux.conf; the first one is what a new kernel gets."""
        source = source_file(reader, OPTIONS)
        found, problems = _choices(source)
        entries = tuple(_entry(c, first=not n) for n, c in enumerate(found))
        missing = (
            f"{OPTIONS} does not exist: rEFInd takes only the root file system from /etc/fstab"
        )
        return BootState(
            loader=self.name,
            evidence=evidence,
            running=running_arguments(reader),
            entries=entries,
            configured=entries[0].args if entries else None,
            configured_gap="" if entries else missing,
            sources=(source,),
            problems=(*problems, *_stanzas(reader)),
            facts=room_facts(reader, FOLDER, 0),
        )

    def edit(self, state: BootState, wish: BootWish) -> BootEdit:
        """Every normal choice; the file is made where there is none."""
        (source,) = state.sources
        ours = spelled(_ours(wish))
        bases = [edit(e.args, remove=ours, add=()) for e in state.normal()]
        shared = shares(wish, bases)
        standing = tuple(a for a in shared.added if any(has(base, a) for base in bases))
        wish, left = remembering({OPTIONS: standing}, wish, shared.added)
        change = _edit(state, source, wish, shared.added)
        files = (change,) if change else ()
        problems = (*shared.problems, *(lacks_room(state) if files else ()))
        return BootEdit(files, (), shared.added, shared.already, "", problems, left)


BACKEND = Refind()


def _config(reader: Reader) -> str | None:
    places = [f"{folder}/{place}" for folder in efi.boot_folders(reader) for place in _PLACES]
    return next((place for place in places if reader.exists(place)), None)


def _choices(source: SourceFile) -> tuple[tuple[Choice, ...], tuple[BootProblem, ...]]:
    try:
        return choices(source.text), ()
    except RefindError as e:
        return (), (beyond_editing(e, OPTIONS),)


def _entry(choice: Choice, *, first: bool) -> BootEntry:
    return BootEntry(
        id=choice.label,
        title=choice.label,
        args=tuple(a for a in choice.args if not a.startswith("initrd=")),
        kind="recovery" if _is_way_back(choice) else "normal",
        source=OPTIONS,
        default=first,
    )


def _is_way_back(choice: Choice) -> bool:
    """Single-user mode, and what mkrlconf calls minimal: the root file system and nothing else."""
    return choice.label == _LABELS[2] or is_way_back(choice.label, "", None, choice.args)


def _stanzas(reader: Reader) -> tuple[BootProblem, ...]:
    """Entries that somebody wrote into refind.conf have options of their own."""
    config = _config(reader) or ""
    found = linux_stanzas(reader.read_text(config) or "") if config else ()
    if not found:
        return ()
    message = f"{config} has a menuentry {found[0]!r} with options of its own"
    hint = f"let rEFInd find the kernel by itself, with its options in {OPTIONS}"
    return (BootProblem("bootloader-unsupported", message, hint, where=config),)


def _edit(
    state: BootState, source: SourceFile, wish: BootWish, added: Sequence[str]
) -> FileEdit | None:
    owned = wish.owned_files.get(OPTIONS)
    if source.content is None:
        return _made(state, source, wish, added) if added else None
    new = [kernel_form(a) for a in added]

    def apply(text: str) -> str:
        return _every(text, lambda c: [*absent_in(c.args, wish), *spelled(retired(wish))], new)

    if made_by_us(source, owned):
        return edit_own(source, apply, needed=bool(added))
    ours = spelled(_ours(wish))
    return edit_file(source, owned, lambda text: _every(text, lambda c: ours, ()), apply)


def _ours(wish: BootWish) -> list[str]:
    return [a for a in wish.owned if a not in wish.kept.get(OPTIONS, ())]


def _every(text: str, remove: Callable[[Choice], Sequence[str]], add: Sequence[str]) -> str:
    """Every normal choice edited; from the last, so that what stands before keeps its place."""
    for choice in reversed(choices(text)):
        if not _is_way_back(choice):
            text = edit_choice(text, choice, remove(choice), add)
    return text


def _made(state: BootState, source: SourceFile, wish: BootWish, added: Sequence[str]) -> FileEdit:
    """What mkrlconf(8) makes of the running line, and ours in its first choice."""
    words = edit(state.running, [*absent_in(state.running, wish), *spelled(wish.owned)], ())
    root = [w for w in words if w in ("ro", "rw") or w.startswith("root=")]
    first = edit(words, (), [kernel_form(a) for a in added])
    lines = zip(_LABELS, (first, (*words, "single"), root), strict=True)
    text = wish.header + "".join(render(label, args) for label, args in lines)
    return FileEdit(OPTIONS, None, None, text.encode("utf-8", "surrogateescape"), source.mode)
