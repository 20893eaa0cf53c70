"""What reconcile owns of a domain: what it was before, and the properties that were changed.

A property is claimed before it is set and given up after it was restored, each by itself: whenever
a run is cut short, the record covers what was touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reconciler.model import Claim
from reconciler.ownership import Owned
from specs.record import Record, field

SECTION = "domains"
PROPERTIES = "domain-properties"
AUTOSTART = "autostart"


class Managed(Record):
    """One domain, by UUID. ``before`` is its definition without secrets from before the first
    change, ``autostart`` its mark; ``defined``: it did not exist, reconcile defined it.
    ``values`` are the properties that were changed, and to what."""

    uuid: str
    name: str
    before: str
    autostart: bool = False
    defined: bool = False
    values: Mapping[str, str] = field(default_factory=dict)

    def claims(self, values: Mapping[str, str]) -> tuple[Claim, ...]:
        """The claims that lead from this record to one with other values. A domain that reconcile
        defined stays owned without any."""
        given_up = [key for key in self.values if key not in values]
        properties = [
            *(Claim(PROPERTIES, f"{self.uuid} {key}", value) for key, value in values.items()),
            *(Claim(PROPERTIES, f"{self.uuid} {key}", None) for key in given_up),
        ]
        whole = self._value() if values or self.defined else None
        return (Claim(SECTION, self.uuid, whole), *properties)

    def forget(self) -> tuple[Claim, ...]:
        """The claims that give up everything."""
        keys = (f"{self.uuid} {key}" for key in self.values)
        gone: Iterable[Claim] = (Claim(PROPERTIES, key, None) for key in keys)
        return (Claim(SECTION, self.uuid, None), *gone)

    def _value(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "before": self.before,
            "autostart": self.autostart,
            "defined": self.defined,
        }


def records(owned: Owned) -> dict[str, Managed]:
    """Every record, by UUID."""
    return {
        uuid: Managed(
            uuid=uuid,
            name=str(value["name"]),
            before=str(value["before"]),
            autostart=bool(value["autostart"]),
            defined=bool(value["defined"]),
            values=_values(owned, uuid),
        )
        for uuid, value in owned.section(SECTION).items()
    }


def _values(owned: Owned, uuid: str) -> dict[str, str]:
    found = (key.partition(" ") for key in owned.section(PROPERTIES))
    return {
        key: str(owned.get(PROPERTIES, f"{uuid} {key}")) for own, _, key in found if own == uuid
    }
