"""/etc/cmdline.d: the line of mkinitcpio's unified images in parts; ours is one more of them.

mkinitcpio reads /etc/kernel/cmdline (else /usr/lib/kernel/cmdline) and all of these. Where the
parts are the whole line, making /etc/kernel/cmdline of it would give every word twice. Source:
mkinitcpio (build_uki).
"""

from __future__ import annotations

from collections.abc import Sequence

from backends.bootloader.bls_edit import CMDLINE, VENDOR
from backends.bootloader.grub_defaults import source_file
from backends.bootloader.in_place import edit_file
from backends.bootloader.state import BootProblem, BootWish, FileEdit, SourceFile
from backends.bootloader.wishes import absent_in
from backends.formats.cmdline import before_dashdash, join
from backends.formats.kernel_arg import kernel_form
from backends.formats.kernel_cmdline_file import ReadBy, edit_cmdline_file, read_cmdline_file
from backends.initramfs.generators import mkinitcpio
from backends.reader import Reader

FOLDER = "/etc/cmdline.d"
OURS = f"{FOLDER}/zz-reconcile.conf"


def parts(reader: Reader) -> tuple[SourceFile, ...]:
    """The files whose words together are the line, and ours among them (there or not); empty
    where the line is elsewhere."""
    if any(reader.exists(path) for path in (CMDLINE, VENDOR)):
        return ()
    names = {n for n in reader.list(FOLDER) if n.endswith(".conf")}
    if not (names and mkinitcpio.unified_images(reader)):
        return ()
    return tuple(
        source_file(reader, path) for path in sorted({f"{FOLDER}/{n}" for n in names} | {OURS})
    )


def words(sources: Sequence[SourceFile]) -> tuple[str, ...]:
    """The line."""
    return tuple(w for s in sources for w in read_cmdline_file(s.text, ReadBy.UNCOMMENTED))


def out_of_reach(sources: Sequence[SourceFile]) -> tuple[BootProblem, ...]:
    """Ours is the last part: behind ``--`` it would be for init."""
    if not before_dashdash(words([s for s in sources if s.path < OURS]))[1]:
        return ()
    message = f"{FOLDER} has words behind --: what follows them is for init, not the kernel"
    hint = f"move them to a file that sorts behind {OURS}"
    return (BootProblem("bootloader-unsupported", message, hint, where=FOLDER),)


def edit_part(source: SourceFile, wish: BootWish, added: Sequence[str]) -> FileEdit | None:
    """Ours holds ``added`` and nothing else; from the others what must be absent goes."""
    owned = wish.owned_files.get(source.path)
    if source.path != OURS:
        gone = absent_in(words([source]), wish)
        return edit_file(
            source, owned, str, lambda text: edit_cmdline_file(text, gone, (), ReadBy.UNCOMMENTED)
        )
    text = f"{wish.header}{join(kernel_form(a) for a in added)}\n"
    before = owned.before if owned else source.content
    after = text.encode() if added else before
    if after == source.content or (added and words([source]) == tuple(added)):
        return None
    return FileEdit(OURS, source.content, before, after, source.mode)
