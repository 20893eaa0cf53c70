"""Xen hosts: which line of an entry is the hypervisor's, and which variables decide it.

Source: 20_linux_xen: dom0's kernel gets GRUB_CMDLINE_LINUX and _DEFAULT unless the
GRUB_CMDLINE_LINUX_XEN_REPLACE variables are set, which then take their place.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from backends.bootloader.state import BootProblem, SourceFile
from backends.formats.shell import assign as shell_assign

_STARTS_XEN = re.compile(r"\b(multiboot2?|xen_hypervisor)\b")
_REPLACE = ("GRUB_CMDLINE_LINUX_XEN_REPLACE_DEFAULT", "GRUB_CMDLINE_LINUX_XEN_REPLACE")


def replaced(config: str, sources: Sequence[SourceFile]) -> tuple[BootProblem, ...]:
    """Why arguments would not reach the Xen entries of ``config``, if it has any."""
    from backends.formats.grub.cfg import parse_grub_cfg

    if not _STARTS_XEN.search(config):  # most hosts: not worth reading the file twice
        return ()
    if not any(entry.hypervisor for entry in parse_grub_cfg(config).entries):
        return ()
    texts = [s.text for s in sources if s.content is not None]
    name = next((n for n in _REPLACE if _is_set(texts, n)), None)
    if name is None:
        return ()
    return (
        BootProblem(
            "bootloader-unsupported",
            f"{name} replaces the arguments of the entries that start Xen",
            f"take {name} out of /etc/default/grub, or the Xen hypervisor off this host",
            where="/etc/default/grub",
        ),
    )


def _is_set(texts: Sequence[str], name: str) -> bool:
    value = shell_assign.evaluate(texts, name)
    return bool(value.text and value.text.strip())
