"""The shell of a page: title, style, sections."""

from __future__ import annotations

from importlib.resources import files

from reconciler.render.html.markup import Html, Node, el, join

# Nothing may be fetched or run, whatever a name on this host looks like.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def document(title: str, *body: Node) -> str:
    """A whole page."""
    head = el(
        "head",
        el("meta", charset="utf-8"),
        el("meta", name="viewport", content="width=device-width, initial-scale=1"),
        el("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        el("title", title),
        el("style", Html(files(__package__).joinpath("page.css").read_text())),
    )
    page = el("html", head, el("body", *body), lang="en")
    return f"<!DOCTYPE html>\n{page.source}\n"


def section(title: str, *children: Node, note: str = "", cls: str = "") -> Html:
    """A part of the page with its heading."""
    small = el("small", note) if note else None
    return el("section", el("h2", title, join(" ", small) if small else None), *children, cls=cls)


def hidden(text: str) -> Html:
    """Words for those who hear the page; the picture says the same to those who see it."""
    return el("span", text, cls="vh")
