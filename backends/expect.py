"""Checks on files that a program has just generated, before anything relies on them."""

from __future__ import annotations

from collections.abc import Callable

from backends.reader import Reader
from backends.steps import Expect, Ran

Check = Callable[[Reader, Expect, Ran], "str | None"]


def problem(reader: Reader, expect: Expect, ran: Ran) -> str | None:
    """What is wrong with the generated file, or None. Raises KeyError for an unknown kind."""
    return _checks()[expect.kind](reader, expect, ran)


def _checks() -> dict[str, Check]:
    from backends.bootloader.expect import grub_cfg, loader_entries, uki
    from backends.initramfs.expect import holds, made_again

    return {
        "grub-cfg": lambda reader, expect, ran: grub_cfg(reader, expect),
        "loader-entries": lambda reader, expect, ran: loader_entries(reader, expect),
        "grub-loader-entries": lambda reader, expect, ran: loader_entries(
            reader, expect, grub=True
        ),
        "uki": lambda reader, expect, ran: uki(reader, expect),
        "signed-uki": lambda reader, expect, ran: uki(reader, expect, signed=True),
        "made-again": made_again,
        "initramfs": holds,
    }
