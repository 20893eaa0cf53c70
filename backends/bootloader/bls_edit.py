"""Editing loader entries, and the line from which kernel-install makes those of kernels to come.

systemd-boot hands the text of an entry to the kernel as it is; GRUB (``blscfg``) reads it as GRUB
script first. Sources: Boot Loader Specification, kernel-install(8), GRUB's blscfg.c, and Fedora's
20-grub.install, which copies the words of /etc/kernel/cmdline into new entries as they are.
"""

from __future__ import annotations

from collections.abc import Sequence

from backends.bootloader.in_place import Edit, base_of, edit_file, edit_own, made_by_us
from backends.bootloader.state import BootState, BootWish, FileEdit, SourceFile
from backends.bootloader.wishes import absent_in, retired, spelled
from backends.formats.cmdline import edit, join, tokens
from backends.formats.kernel_arg import grub_form, kernel_form
from backends.formats.kernel_cmdline_file import (
    ReadBy,
    as_one_line,
    edit_cmdline_file,
    read_cmdline_file,
)
from backends.formats.loader_entry import edit_options, values
from backends.reader import Reader
from specs.record import Record, replace

CMDLINE = "/etc/kernel/cmdline"
VENDOR = "/usr/lib/kernel/cmdline"
# What a loader or kernel-install adds by itself, and GRUB's variables (tuned's plugin adds its
# own again): not for /etc/kernel/cmdline.
_GENERATED = ("initrd=", "BOOT_IMAGE=", "systemd.machine_id=", "$")


class Dialect(Record):
    """Who reads the words of an entry: GRUB's script lexer, or nobody before the kernel; which
    lines of /etc/kernel/cmdline count, and which words of an entry are not from there."""

    grub: bool
    reads: ReadBy = ReadBy.UNCOMMENTED
    generated: tuple[str, ...] = _GENERATED

    def form(self, arg: str) -> str:
        """The argument as it is written."""
        return grub_form(arg) if self.grub else kernel_form(arg)

    def words(self, text: str) -> tuple[str, ...]:
        """The words of an entry as they are written, variables too."""
        found = values(text, "options", grub=self.grub)
        return tokens(" ".join(found[:1] if self.grub else found))


def configured_line(
    reader: Reader, line: SourceFile, reads: ReadBy = ReadBy.UNCOMMENTED
) -> tuple[tuple[str, ...] | None, str]:
    """What a kernel installed tomorrow gets, or None and why it cannot be told."""
    if line.content is not None:
        return read_cmdline_file(line.text, reads), ""
    vendor = reader.read_text(VENDOR)
    if vendor is not None:
        return read_cmdline_file(vendor, reads), ""
    return None, f"{CMDLINE} does not exist: a new kernel would get the running command line"


def entry_file(
    source: SourceFile, wish: BootWish, dialect: Dialect, args: Sequence[str]
) -> FileEdit | None:
    """An entry with ``args``. kernel-install may have made it with our arguments: those go like
    our own, but for those that it took from a line that had them before us."""
    owned = wish.owned_files.get(source.path)
    stays = wish.kept.get(source.path, () if owned else wish.kept.get(CMDLINE, ()))
    ours = [a for a in wish.owned if a not in stays]
    old = [w for w in spelled(retired(wish)) if w not in spelled(stays)]

    def apply(text: str) -> str:
        gone = [*absent_in(dialect.words(text), wish), *old]
        return edit_options(text, gone, [dialect.form(a) for a in args], grub=dialect.grub)

    def strip(text: str) -> str:
        return edit_options(text, spelled(ours), (), grub=dialect.grub)

    change = edit_file(source, owned, strip, apply)
    if change is None or owned is not None:
        return change
    # kernel-install made it with our arguments: to give it back is to take them out, not to write
    # them again.
    return replace(change, base=strip(source.text).encode("utf-8", "surrogateescape"))


def line_for_new_kernels(
    state: BootState,
    source: SourceFile,
    wish: BootWish,
    added: Sequence[str],
    dialect: Dialect,
) -> FileEdit | None:
    """/etc/kernel/cmdline with ``added``; made where it is missing, for without it a new kernel
    gets the running line, whatever that is."""
    owned = wish.owned_files.get(CMDLINE)
    if source.content is None:
        return _made(state, source, wish, added, dialect) if added else None
    if made_by_us(source, owned):
        gone = spelled(retired(wish))
        return edit_own(
            source, lambda text: _line(text, wish, gone, added, dialect), needed=bool(added)
        )
    return edit_file(
        source, owned, _strip(wish, dialect), lambda text: _line(text, wish, (), added, dialect)
    )


def written_again(source: SourceFile, wish: BootWish, dialect: Dialect) -> FileEdit:
    """The line's same bytes, for the sake of a newer time stamp."""
    base = base_of(source, wish.owned_files.get(CMDLINE), _strip(wish, dialect))
    return FileEdit(CMDLINE, source.content, base, source.content, source.mode)


def _strip(wish: BootWish, dialect: Dialect) -> Edit:
    ours = [a for a in wish.owned if a not in wish.kept.get(CMDLINE, ())]
    return lambda text: edit_cmdline_file(text, spelled(ours), (), dialect.reads)


def _line(
    text: str, wish: BootWish, remove: Sequence[str], added: Sequence[str], dialect: Dialect
) -> str:
    gone = [*absent_in(read_cmdline_file(text, dialect.reads), wish), *remove]
    new = [dialect.form(a) for a in added]
    edited = edit_cmdline_file(text, gone, new, dialect.reads)
    if dialect.grub and edited != text:  # grubby reads the first line only, 20-grub.install all
        return as_one_line(edited, dialect.reads)
    return edited


def _made(
    state: BootState,
    source: SourceFile,
    wish: BootWish,
    added: Sequence[str],
    dialect: Dialect,
) -> FileEdit:
    """A line of our own making: what the default entry has (where no entry can be read, what
    runs), and ours."""
    normal = state.normal()
    first = next((e for e in normal if e.default), normal[0] if normal else None)
    entry = state.source(first.source) if first else None
    words = first.args if first else state.running
    words = dialect.words(entry.text) if entry else words
    words = tuple(w for w in words if not w.startswith(dialect.generated))
    gone = [*absent_in(words, wish), *spelled(retired(wish))]
    line = join(edit(words, gone, [dialect.form(a) for a in added])) + "\n"
    return FileEdit(CMDLINE, None, None, line.encode("utf-8", "surrogateescape"), source.mode)
