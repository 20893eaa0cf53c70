"""What is remembered of a trial: in the ownership record, so that a kill loses nothing of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.model import Claim
from reconciler.ownership import Owned
from specs.record import Record, field

SECTION = "trial"
FILES = "trial-files"
_ARMED = "armed"


class Armed(Record):
    """A trial that is armed, running, or over without a confirmation.

    ``ident`` is on its command line; ``boot_id`` that of the boot that armed it; ``routed``
    and ``writable`` say that the host had a default route and a writable root then. ``spec`` (less
    its domains) and what follows are what it tries.
    """

    ident: str
    boot_id: str
    routed: bool = False
    writable: bool = False
    spec: Mapping[str, Any] = field(default_factory=dict)
    spec_path: str = ""
    spec_digest: str = ""
    base_dir: str = "/"


def armed(owned: Owned) -> Armed | None:
    """The trial of this host, if there is one."""
    value = owned.get(SECTION, _ARMED)
    return None if value is None else Armed(**value)


def claim(trial: Armed | None) -> Claim:
    """The claim that remembers a trial, or (None) forgets it."""
    if trial is None:
        return Claim(SECTION, _ARMED, None)
    return Claim(SECTION, _ARMED, {name: getattr(trial, name) for name in trial.__struct_fields__})
