"""Domain XML as an lxml tree: hostile input refused, foreign content kept, tidy insertion."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from specs.errors import ReconcileError

if TYPE_CHECKING:
    from lxml.etree import _Element

_TAG = r"""<(?:[^>"']|"[^"]*"|'[^']*')*>"""
_MARKUP = re.compile(rf"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|(?P<tag>{_TAG})", re.DOTALL)
_VALUE = re.compile(r"""=(?:"(?P<value>[^"]*)"|'[^']*')""")
_QUOTE = re.compile(r"""<domain\b[^>]*?=\s*(["'])""")
MAX_BYTES = 10 * 1024 * 1024  # virsh refuses larger files itself (VSH_MAX_XML_FILE)


class DomainXmlError(ReconcileError):
    """A text is not a domain definition that can be edited safely (EX_DATAERR)."""

    exit_code = 65


def parse(xml: str, *, where: str = "") -> _Element:
    """The root element of a domain definition.

    Nothing outside the text is read: no DTD, no entity, no network. A DOCTYPE is refused, since
    libvirt never writes one. Raises DomainXmlError.
    """
    from lxml import etree

    data = xml.encode("utf-8", "surrogateescape")
    if len(data) > MAX_BYTES:
        raise DomainXmlError(
            f"the definition is larger than {MAX_BYTES} bytes",
            where=where,
            hint="libvirt takes no such definition",
        )
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        strip_cdata=False,
        remove_comments=False,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as e:
        raise DomainXmlError(f"not well-formed XML: {e}", where=where) from e
    if root.getroottree().docinfo.internalDTD is not None:
        raise DomainXmlError(
            "a DOCTYPE is not allowed in a domain definition",
            where=where,
            hint="remove it; entities are not resolved",
        )
    if root.tag != "domain":
        raise DomainXmlError(
            f"found <{root.tag}>, expected <domain>",
            where=where,
            hint="see https://libvirt.org/formatdomain.html",
        )
    return root


def serialise(root: _Element, like: str) -> str:
    """The whole document, comments around the root element too, with a newline at the end; its
    attributes in the quotes of ``like``, so that only what has changed differs from it."""
    from lxml import etree

    text: str = etree.tostring(root.getroottree(), encoding="unicode")
    found = _QUOTE.search(like)
    if found and found[1] == "'":
        text = _MARKUP.sub(_single_quoted, text)
    return text.rstrip("\n") + "\n"


def _single_quoted(markup: re.Match[str]) -> str:
    """A tag with ' for "; any other markup as it is."""
    tag = markup["tag"]
    return markup[0] if tag is None else _VALUE.sub(_single_quoted_value, tag)


def _single_quoted_value(found: re.Match[str]) -> str:
    value = found["value"]
    return found[0] if value is None else "='{}'".format(value.replace("'", "&apos;"))


def steps(path: str) -> list[str]:
    """The element names of a simple relative path."""
    return [part for part in path.split("/") if part]


def ensure(parent: _Element, path: str) -> _Element:
    """The first element at ``path`` under ``parent``; missing ones are created at the end."""
    node = parent
    for name in steps(path):
        found = node.find(name)
        node = add(node, name) if found is None else found
    return node


def add(parent: _Element, tag: str, /, **attributes: str) -> _Element:
    """A new last child, indented as libvirt does (two spaces a level)."""
    from lxml import etree

    child = etree.Element(tag, attributes)
    place(parent, child)
    return child


def place(parent: _Element, child: _Element) -> None:
    """Make ``child`` the last child of ``parent``, on its own line."""
    depth = sum(1 for _ in parent.iterancestors())
    before = "\n" + "  " * (depth + 1)
    if len(parent):
        if _blank(parent[-1].tail):
            parent[-1].tail = before
    elif _blank(parent.text):
        parent.text = before
    child.tail = "\n" + "  " * depth
    parent.append(child)


def drop(node: _Element) -> None:
    """Remove one element, and nothing of the text around it but its own indentation."""
    parent = node.getparent()
    if parent is None:
        return
    previous = node.getprevious()
    last = node.getnext() is None
    keep = node.tail if last or not _blank(node.tail) else None
    parent.remove(node)
    if keep is not None:
        if previous is not None:
            previous.tail = keep if _blank(previous.tail) else (previous.tail or "") + keep
        elif len(parent) == 0 and _blank(parent.text) and _blank(keep):
            parent.text = None
        else:
            parent.text = keep if _blank(parent.text) else (parent.text or "") + keep


# What libvirt writes on a container that only held ours: <hyperv mode='custom'>.
_EMPTY: tuple[dict[str, str], ...] = ({}, {"mode": "custom"})


def prune(root: _Element, path: str, like: _Element) -> None:
    """Remove the elements along ``path`` that hold nothing and that ``like`` does not have."""
    names = steps(path)
    for length in range(len(names), 0, -1):
        here = "/".join(names[:length])
        node = root.find(here)
        if node is None or like.find(here) is not None:
            continue
        if len(node) == 0 and dict(node.items()) in _EMPTY and _blank(node.text):
            drop(node)


def text_of(node: _Element | None) -> str:
    """The stripped text of an element, "" when there is none."""
    return (node.text or "").strip() if node is not None else ""


def _blank(text: str | None) -> bool:
    return not (text or "").strip()


def uuid(xml: str) -> str | None:
    """The UUID of a definition, or None. Raises DomainXmlError."""
    return text_of(parse(xml).find("uuid")) or None


def with_uuid(xml: str, value: str) -> str:
    """The definition with this UUID. Raises DomainXmlError."""
    domain = parse(xml)
    ensure(domain, "uuid").text = value
    return serialise(domain, xml)


def name(xml: str) -> str:
    """The name that a definition gives. Raises DomainXmlError."""
    return text_of(parse(xml).find("name"))
