"""Two domain definitions are the same when they differ in layout and order of unlike elements."""

from __future__ import annotations

from lxml import etree

from backends.formats import domain_xml


def canonical(xml: str) -> str:
    """Canonical XML without layout, unlike siblings sorted by name (libvirt orders them itself)."""
    root = domain_xml.parse(xml)
    for node in list(root.iter("*")):
        if not _inside_metadata(node):
            _tidy(node)
    return str(etree.tostring(root, method="c14n", with_comments=True), "utf-8")


def _inside_metadata(node: etree._Element) -> bool:
    return any(parent.tag == "metadata" for parent in node.iterancestors())


def _tidy(node: etree._Element) -> None:
    if not (node.text or "").strip():
        node.text = None
    for child in node:
        if not (child.tail or "").strip():
            child.tail = None
    if node.tag != "metadata":
        node[:] = sorted(node, key=lambda child: str(child.tag))
