"""Names of PCI functions as people say them."""

from __future__ import annotations

import re

_COMPANY = re.compile(
    r"(?:,? (?:Corporation|Corp\.|Inc\.?|Incorporated|Co\.?,? Ltd\.?|Ltd\.?|Limited|GmbH|LLC|AG|"
    r"Technologies|Semiconductor|Electronics))+(?= |$)"
)
_NICKNAME = re.compile(r"^[^\[]*, Inc\. \[([^\]]+)\] ")


def short_name(name: str) -> str:
    """pci.ids' name without the legal form of the company: ``NVIDIA GA104 [GeForce RTX 3060]``.

    ``Advanced Micro Devices, Inc. [AMD/ATI] Navi 10`` gives ``AMD/ATI Navi 10``.
    """
    known = _NICKNAME.match(name)
    if known:
        return f"{known[1]} {name[known.end() :]}"
    return _COMPANY.sub("", name, count=1)
