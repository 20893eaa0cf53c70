"""Secrets of a domain definition: kept out of plans, put back when the definition is made.

libvirt leaves them out of an XML unless asked with --security-info (graphics passwords, cookies
of network disks), and loses them when an XML without them is defined.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

from backends.formats.domain_xml import tree

if TYPE_CHECKING:
    from lxml.etree import _Element

_ATTRIBUTES = (("devices/graphics", ("passwd", "passwdValidTo", "connected")),)
# Of a disk, and of the images behind it (backingStore).
_ELEMENTS = ("devices/disk//source/cookies",)


def strip(xml: str, *, where: str = "") -> str:
    """The definition without secrets, as libvirt itself would print it. Raises DomainXmlError."""
    domain = tree.parse(xml, where=where)
    found = False
    for path, names in _ATTRIBUTES:
        for node in domain.findall(path):
            for name in names:
                found |= bool(node.attrib.pop(name, ""))
    for path in _ELEMENTS:
        for node in domain.findall(path):
            tree.drop(node)
            found = True
    return tree.serialise(domain, xml) if found else xml


def merge(xml: str, secure: str) -> str:
    """``xml`` with the secrets of ``secure``, the present definition with its secrets.

    A secret goes back to the same device: graphics by type and order, disks by target. One whose
    device is gone goes with it. What ``xml`` itself holds wins.
    """
    domain, source = tree.parse(xml), tree.parse(secure)
    moved = [_merge_graphics(domain, source), _merge_cookies(domain, source)]
    return tree.serialise(domain, xml) if any(moved) else xml


def _merge_graphics(domain: _Element, source: _Element) -> bool:
    targets, moved = _graphics(domain), False
    for key, node in _graphics(source).items():
        target = targets.get(key)
        for name in _ATTRIBUTES[0][1]:
            value = node.get(name)
            if target is not None and value is not None and target.get(name) is None:
                target.set(name, value)
                moved = True
    return moved


def _graphics(domain: _Element) -> dict[tuple[str, int], _Element]:
    found: dict[tuple[str, int], _Element] = {}
    for node in domain.findall("devices/graphics"):
        kind = node.get("type", "")
        found[(kind, sum(1 for k, _ in found if k == kind))] = node
    return found


def _merge_cookies(domain: _Element, source: _Element) -> bool:
    moved = False
    targets = _disk_sources(domain)
    for name, node in _disk_sources(source).items():
        cookies, target = node.find("cookies"), targets.get(name)
        if cookies is not None and target is not None and target.find("cookies") is None:
            tree.place(target, copy.deepcopy(cookies))
            moved = True
    return moved


def _disk_sources(domain: _Element) -> dict[tuple[str, ...], _Element]:
    """Every source of every disk, by the disk's target and the elements that it lies in."""
    found = {}
    for disk in domain.findall("devices/disk"):
        target = disk.find("target")
        name = "" if target is None else target.get("dev", "")
        for source in disk.iter("source"):
            key = (name, *(str(node.tag) for node in source.iterancestors()))
            found[key] = source
    return found
