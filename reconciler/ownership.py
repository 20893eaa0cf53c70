"""What reconcile put on this host, and what stood there before: kubectl's last-applied, for hosts.

Kept in /var/lib/reconcile/owned.json; the third leg beside "wanted" and "observed".
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from backends.bootloader.state import OwnedFile
from backends.formats import json_text
from backends.reader import Reader
from reconciler.model import Claim
from specs.errors import ReconcileError
from specs.record import Record, field

STATE_DIR = "/var/lib/reconcile"
PATH = f"{STATE_DIR}/owned.json"
FORMAT = 1

FILES = "files"
BOOT_FILES = "boot-files"


class Owned(Record):
    """The record, by section (``files``, ``kernel-args``, ``devices`` …) and key."""

    sections: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def section(self, name: str) -> Mapping[str, Any]:
        """Everything owned of one kind."""
        return self.sections.get(name, {})

    def get(self, section: str, key: str) -> Any:
        """What is recorded of one thing, or None."""
        return self.section(section).get(key)

    def files(self, section: str = FILES) -> dict[str, OwnedFile]:
        """The files that reconcile created or edited, of one section."""
        return {path: owned_file(value) for path, value in self.section(section).items()}

    def with_claims(self, claims: Iterable[Claim]) -> Owned:
        """The record after these claims."""
        sections = {name: dict(items) for name, items in self.sections.items()}
        for claim in claims:
            items = sections.setdefault(claim.section, {})
            if claim.value is None:
                items.pop(claim.key, None)
            else:
                items[claim.key] = claim.value
        return Owned({name: items for name, items in sections.items() if items})

    def to_bytes(self) -> bytes:
        """The file's content; equal records give equal bytes."""
        plain = json.loads(json.dumps(self.sections))  # as it will be read
        data = {"format": FORMAT, "owned": plain, "sha256": _seal(plain)}
        return (json.dumps(data, indent=1, sort_keys=True) + "\n").encode()


def read(reader: Reader) -> Owned:
    """The record on this host; empty where reconcile never applied anything.

    Raises ReconcileError on a damaged record: guessing here would undo the wrong things. Each run
    keeps a copy of what was owned at its end.
    """
    text = reader.read_text(PATH)
    if text is None:
        return Owned()
    try:
        data = json_text.loads(text)
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']!r}")
        if "sha256" in data and data["sha256"] != _seal(data["owned"]):
            raise ValueError("it is not as it was written")
        return Owned({str(k): dict(v) for k, v in data["owned"].items()})
    except (ValueError, KeyError, TypeError, AttributeError) as e:
        raise ReconcileError(
            f"this is not an ownership record that this version understands ({e})",
            where=PATH,
            hint=f"put the copy of the last run back: cp {STATE_DIR}/runs/RUN/owned.json {PATH}",
        ) from e


def _seal(plain: Any) -> str:
    """The digest by which a record that was damaged, or edited by hand, is known."""
    return digest(json.dumps(plain, sort_keys=True).encode())


def file_claim(path: str, owned: OwnedFile, section: str = FILES) -> Claim:
    """The claim on a file that is about to be written."""
    old = None if owned.before is None else base64.b64encode(owned.before).decode()
    value = {
        "before": old,
        "mode": f"{owned.before_mode:04o}",
        "after_sha256": owned.after_sha256,
        "folders": list(owned.folders),
    }
    return Claim(section, path, value)


def owned_file(value: Mapping[str, Any]) -> OwnedFile:
    """The typed form of a ``files`` record."""
    before = value["before"]
    return OwnedFile(
        before=None if before is None else base64.b64decode(before),
        before_mode=int(value["mode"], 8),
        after_sha256=str(value["after_sha256"]),
        folders=tuple(value.get("folders", ())),
    )


def digest(content: bytes) -> str:
    """sha256 in hex."""
    return hashlib.sha256(content).hexdigest()
