"""HTML that cannot be injected into: text is escaped unless it was built here."""

from __future__ import annotations

import html
from collections.abc import Iterable

from reconciler.render.style import clean
from specs.record import Record

_VOID = frozenset({"meta", "br", "hr"})


class Html(Record):
    """Markup that is ready to be written."""

    source: str


Node = Html | str | None


def el(tag: str, /, *children: Node | Iterable[Node], cls: str = "", **attributes: str) -> Html:
    """An element. Text is escaped; None is nothing; ``aria_label`` becomes ``aria-label``."""
    pairs = {"class": cls, **attributes} if cls else attributes
    said = "".join(f' {_name(key)}="{escape(value)}"' for key, value in pairs.items())
    if tag in _VOID:
        return Html(f"<{tag}{said}>")
    return Html(f"<{tag}{said}>{join(*children).source}</{tag}>")


def join(*children: Node | Iterable[Node]) -> Html:
    """Several nodes one after the other."""
    return Html("".join(_source(child) for child in children))


def escape(text: str) -> str:
    """Untrusted text, harmless in elements and in quoted attributes."""
    return html.escape(clean(text), quote=True)


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _source(child: Node | Iterable[Node]) -> str:
    if child is None:
        return ""
    if isinstance(child, Html):
        return child.source
    if isinstance(child, str):
        return escape(child)
    return "".join(_source(part) for part in child)
