"""refind.conf: the entries that a user wrote into it (manual boot stanzas).

Source: rEFInd 0.13.2, "Configuring the Boot Manager" and its sample configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# What rEFInd itself takes for a Linux kernel (scan_all_linux_kernels).
_KERNEL = re.compile(r"(?i)(^|[/\\])(vmlinuz|bzimage|kernel)[^/\\]*$")


def linux_stanzas(text: str) -> tuple[str, ...]:
    """The names of enabled entries that start a Linux kernel with options of their own."""
    return tuple(
        name
        for name, body in _stanzas(text)
        if "disabled" not in body and "options" in body and _KERNEL.search(body.get("loader", ""))
    )


def _stanzas(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Each menuentry with its own tokens, those of its submenu entries left out."""
    name, depth = "", 0
    body: dict[str, str] = {}
    for line in text.splitlines():
        token, _, rest = line.strip().partition(" ")
        if depth == 0 and token == "menuentry":
            name, body = rest.rstrip("{ \t").strip('"'), {}
        opens = not token.startswith("#") and line.rstrip().endswith("{")
        if depth == 1 and not opens:
            body[token] = rest.strip().strip('"')
        depth += opens
        if token.startswith("}") and depth:
            depth -= 1
            if not depth:
                yield name, body
