"""/etc/default/grub and its drop-ins: shell code that grub-mkconfig sources.

Sources: GRUB manual "Simple configuration", grub-mkconfig(8); normal entries get
GRUB_CMDLINE_LINUX and then GRUB_CMDLINE_LINUX_DEFAULT, recovery entries only the first (10_linux).
"""

from __future__ import annotations

from collections.abc import Sequence

from backends.bootloader.in_place import edit_file
from backends.bootloader.state import BootWish, FileEdit, SourceFile
from backends.bootloader.wishes import spelled
from backends.formats.cmdline import matching, tokens
from backends.formats.kernel_arg import grub_form
from backends.formats.shell import assign as shell_assign
from backends.formats.shell.edit import edit_words
from backends.reader import Reader

DEFAULTS = "/etc/default/grub"
EVERYWHERE, NORMAL = "GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"


def shell(reader: Reader) -> str:
    """``bash`` or ``sh``: what /bin/sh understands."""
    return "bash" if reader.realpath("/bin/sh").endswith("bash") else "sh"


def source_file(reader: Reader, path: str) -> SourceFile:
    """The file as it is; content None when it does not exist."""
    content, stat = reader.read_bytes(path), reader.stat(path)
    return SourceFile(path, content, stat.mode if stat else 0o644)


def configured(
    sources: Sequence[SourceFile], *, bash: bool = False
) -> tuple[tuple[str, ...] | None, str]:
    """What the files give a normal entry, or None and why only a shell could tell."""
    texts = [s.text for s in sources if s.content is not None]
    words: list[str] = []
    for name in (EVERYWHERE, NORMAL):
        value = shell_assign.evaluate(texts, name, bash=bash)
        if value.text is None:
            return None, value.reason
        words += tokens(value.text)
    return tuple(words), ""


def user_file(
    source: SourceFile,
    wish: BootWish,
    ours: Sequence[str],
    *,
    into: str = NORMAL,
    earlier: Sequence[str] = (),
    bash: bool = False,
) -> FileEdit | None:
    """The smallest edit that puts ``ours`` into the variable ``into`` and takes what is unwanted
    out of both. Raises ShellAssignError."""
    owned = [a for a in wish.owned if a not in wish.kept.get(source.path, ())]

    def words(text: str, remove: Sequence[str], add: Sequence[str]) -> str:
        return _words(text, remove, [grub_form(a) for a in add], into, earlier, bash)

    return edit_file(
        source,
        wish.owned_files.get(source.path),
        strip=lambda text: words(text, spelled(owned), ()),
        apply=lambda text: words(text, wish.absent, ours),
    )


def _words(
    text: str,
    remove: Sequence[str],
    add: Sequence[str],
    into: str,
    earlier: Sequence[str],
    bash: bool,
) -> str:
    for name in (EVERYWHERE, NORMAL):
        value = shell_assign.evaluate([*earlier, text], name, bash=bash)
        words = tokens(value.text or "")
        gone = [w for pattern in remove for w in matching(words, pattern)]
        new = add if name == into else ()
        if gone or new:
            text = edit_words(text, name, gone, new, earlier=earlier, bash=bash)
    return text
