"""Checks on files that a program has just generated, before anything relies on them."""

from __future__ import annotations

from collections.abc import Callable

from backends.reader import Reader
from backends.steps import Expect


def problem(reader: Reader, expect: Expect) -> str | None:
    """What is wrong with the generated file, or None. Raises KeyError for an unknown kind."""
    return _checks()[expect.kind](reader, expect)


def _checks() -> dict[str, Callable[[Reader, Expect], str | None]]:
    from backends.bootloader.expect import grub_cfg, uki

    return {"grub-cfg": grub_cfg, "uki": uki}
