"""What is observed of an initramfs generator; the same shape for all of them."""

from __future__ import annotations

from specs.record import Record


class OwnFile(Record):
    """A whole file of ours."""

    path: str
    text: str
    mode: int = 0o644


class Contents(Record):
    """What must be in every image, and what must have gone from it.

    ``modules`` are driver names, ``files`` and ``gone`` host paths of files copied into it.
    """

    modules: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


class InitramfsState(Record):
    """``images`` are the paths of the images that boot; ``blocked`` says why they cannot be made
    again here (empty: they can). ``recipes`` are the argv, up to the name of the image, that make
    one image each (empty: one command makes all). ``behind``: images older than files of ours.
    """

    generator: str
    evidence: tuple[str, ...]
    images: tuple[str, ...] = ()
    blocked: str = ""
    lacks_room: str = ""
    recipes: tuple[tuple[str, ...], ...] = ()
    behind: tuple[str, ...] = ()
