"""RHEL 8's way: entries say ``$kernelopts``, and grubenv says what that is.

Sources: rhboot/grub2 (branch rhel-8) util/grub.d/10_linux.in; GRUB manual, Environment block.
"""

from __future__ import annotations

from backends.bootloader.in_place import edit_file
from backends.bootloader.state import BootWish, FileEdit, SourceFile
from backends.bootloader.wishes import absent_in, retired, spelled
from backends.formats.cmdline import edit_text, tokens
from backends.formats.grub.env import GrubEnvError, parse_grubenv, set_variable
from backends.formats.kernel_arg import grub_form

GRUBENV = "/boot/grub2/grubenv"
VARIABLE = "kernelopts"


def variables_of(env: SourceFile) -> dict[str, str]:
    """GRUB's variables; none where there is no environment block."""
    try:
        return parse_grubenv(env.text) if env.content is not None else {}
    except GrubEnvError:
        return {}


def grubenv_file(source: SourceFile, wish: BootWish) -> FileEdit | None:
    """kernelopts with the wished arguments. Raises GrubEnvError when they do not fit: the block
    has a fixed size. Everything else in it (saved_entry, boot_success) is GRUB's and others'."""
    owned = wish.owned_files.get(source.path)
    ours = [a for a in wish.owned if a not in wish.kept.get(source.path, ())]

    def change(text: str, remove: list[str], add: list[str]) -> str:
        value = parse_grubenv(text).get(VARIABLE, "")
        return set_variable(text, VARIABLE, edit_text(value, remove, add))

    def apply(text: str) -> str:
        words = tokens(parse_grubenv(text).get(VARIABLE, ""))
        gone = [*absent_in(words, wish), *spelled(retired(wish))]
        return change(text, gone, [grub_form(a) for a in wish.args])

    return edit_file(source, owned, lambda text: change(text, spelled(ours), []), apply)
