"""Definitions of domains as virsh prints them: which commands to give, and whose the answers are.

A domain has a persistent definition (``inactive``), what runs (``live``), and what a managed-save
image would start again (``saved``). None of the commands asks for secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from backends.libvirt import script
from backends.libvirt.places import places
from backends.reader import CaptureError, NeedsRoot, Reader

_COMMANDS = {
    "inactive": "dumpxml --inactive",
    "live": "dumpxml",
    "saved": "managedsave-dumpxml",
}
KINDS = tuple(_COMMANDS)
Texts = dict[tuple[str, str], str]
"""Definitions by UUID and kind."""


def command(kind: str, domain: str) -> str:
    """The command that prints one definition; ``domain`` is a UUID or a name."""
    return f"{_COMMANDS[kind]} --domain={script.quote(domain)}"


def expected(reader: Reader, uri: str) -> Iterator[str]:
    """A command for each definition, each running domain and each saved state in libvirt's
    folders. A name that this connection does not know costs a line on stderr."""
    found = places(uri)
    for kind, folder, ending in (
        ("inactive", found.definitions, ".xml"),
        ("live", found.status, ".xml"),
        ("saved", found.saved, ".save"),
    ):
        for name in _names(reader, folder, ending) if folder else ():
            yield command(kind, name)


def _names(reader: Reader, folder: str, ending: str) -> list[str]:
    """Domain names by file name. All digits could be taken for an id: such take the second way."""
    try:
        files = reader.list_here(folder)
    except (NeedsRoot, CaptureError):
        return []
    names = [file.removesuffix(ending) for file in files if file.endswith(ending)]
    return [name for name in names if not name.isdigit() and name.isprintable()]


# libvirt prints the name and the UUID first, before anything that a user wrote.
_UUID = re.compile(r"<uuid>([0-9a-f-]{36})</uuid>")


def by_uuid(answers: Mapping[str, str]) -> Texts:
    """What the commands printed, by the UUID that it gives itself, whatever name led to it."""
    texts = {}
    for said, text in answers.items():
        kind = next((k for k in KINDS if said.startswith(f"{_COMMANDS[k]} --domain=")), None)
        uuid = _UUID.search(text) if kind else None
        if kind is not None and uuid is not None:
            texts[uuid[1], kind] = text + "\n"
    return texts
