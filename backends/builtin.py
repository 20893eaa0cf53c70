"""Which drivers are part of the kernel: they are there before any module, rule or option.

Source: Documentation/kbuild/kbuild.rst (modules.builtin).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from backends.pci.functions import SYSFS
from backends.reader import Reader

_MODULES = "/lib/modules"
_NAME = re.compile(r"([^/]+)\.ko$", re.MULTILINE)


def builtin_modules(reader: Reader, kernel: str) -> frozenset[str]:
    """Names, with underscores, of what the running kernel has built in. Where its files are not
    here (a tree without /proc), those of a kernel that is installed."""
    text = reader.read_text(f"{_MODULES}/{kernel}/modules.builtin") if kernel else None
    if text is None:
        paths = (f"{_MODULES}/{name}/modules.builtin" for name in reversed(reader.list(_MODULES)))
        text = next((found for path in paths if (found := reader.read_text(path))), "")
    return frozenset(name.replace("-", "_") for name in _NAME.findall(text))


def builtin_drivers(
    reader: Reader, drivers: Iterable[str], modules: frozenset[str]
) -> frozenset[str]:
    """Those of these PCI drivers that are built in. A driver's module may have another name
    (xhci_hcd is in xhci_pci); its link says which."""
    return frozenset(driver for driver in drivers if _module(reader, driver) in modules)


def _module(reader: Reader, driver: str) -> str:
    link = reader.readlink(f"{SYSFS}/drivers/{driver}/module")
    name = driver if link is None else link.rsplit("/", 1)[-1]
    return name.replace("-", "_")
