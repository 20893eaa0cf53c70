"""A loader entry copied with other arguments, under another title."""

from __future__ import annotations

from collections.abc import Sequence

from backends.bootloader.state import TrialWish
from backends.formats.cmdline import tokens
from backends.formats.kernel_arg import grub_form, kernel_form
from backends.formats.loader_entry import edit_options, fields, values

_MARK = " (trial by reconcile)"


def copied(text: str, wish: TrialWish, *, grub: bool, sort_key: str | None = None) -> str:
    """The entry with the wish's arguments; ``sort_key`` replaces its own if it has one.

    Raises LoaderEntryError, CmdlineError.
    """
    form = grub_form if grub else kernel_form
    found = values(text, "options", grub=grub)
    words = tokens(" ".join(found[:1] if grub else found))
    edited = edit_options(text, wish.gone(words), [form(a) for a in wish.add], grub=grub)
    changes = [("title", _MARK, False)]
    changes += [("sort-key", sort_key, True)] if sort_key is not None else []
    for key, new, whole in changes:
        edited = _changed(edited, key, new, whole=whole, grub=grub)
    return wish.header + edited + ("" if edited.endswith("\n") else "\n")


def of_image(path: str, args: Sequence[str], wish: TrialWish, title: str, version: str) -> str:
    """An entry that starts a unified kernel image with arguments of its own: its stub takes them
    instead of the embedded ones while Secure Boot is off (systemd-stub(7))."""
    text = f"title {title}\nversion {version or title}\nefi {path}\noptions {' '.join(args)}\n"
    return copied(text, wish, grub=False)


def _changed(text: str, key: str, new: str, *, whole: bool, grub: bool) -> str:
    """The value of the first ``key`` replaced, or with something behind it."""
    field = next((f for f in fields(text, grub=grub) if f.key == key), None)
    if field is None:
        return text
    # Positions count bytes, one character each.
    raw = text.encode("utf-8", "surrogateescape").decode("latin-1")
    start = field.value_start if whole else field.value_end
    raw = raw[:start] + new + raw[field.value_end :]
    return raw.encode("latin-1").decode("utf-8", "surrogateescape")
