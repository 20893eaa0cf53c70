"""All domains of a host, read with one virsh process however many there are.

``virsh list`` tells names and states, ``virsh dumpxml`` one definition at a time. Where the
connection says in which folder libvirt keeps its definitions, their names are known before virsh
starts, so one process reads them all; what the list knows beyond that takes a second one.
Nothing secret is read: dumpxml without --security-info leaves passwords out (virsh(1)).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from backends.libvirt import definitions, script
from backends.libvirt.state import DomainState, LibvirtState
from backends.reader import Done, Reader, TimedOut
from specs.record import Record

NOT_ASKED = "none"
TIMEOUT = 120.0  # a cold capabilities cache makes libvirt probe every QEMU binary first

_ALL = "list --all --uuid --name"
_SETS = {
    "running": "list --all --uuid --state-running",
    "paused": "list --all --uuid --state-paused",
    "active": "list --uuid",
    "transient": "list --all --uuid --transient",
    "autostart": "list --all --uuid --autostart",
    "managed save": "list --all --uuid --with-managed-save",
    "snapshots": "list --all --uuid --with-snapshot",
    "checkpoints": "list --all --uuid --with-checkpoint",
}
_HOST = ("version", "capabilities")


def observe_libvirt(reader: Reader, uri: str, *, timeout: float = TIMEOUT) -> LibvirtState:
    """What one connection shows; a connection that fails is a state, not an error. ``timeout`` is
    in seconds, for each virsh process."""
    if uri == NOT_ASKED:
        return LibvirtState(uri, reason="not-asked", message="libvirt is left out (--connect none)")
    try:
        return _asked(_Virsh(reader, uri, timeout))
    except TimedOut:
        message = f"no answer within {timeout:.0f} s"
        return LibvirtState(uri, reason="hung", message=message)


class _Virsh(Record):
    """Who is asked, and for how long."""

    reader: Reader
    uri: str
    timeout: float

    def run(self, batch: Sequence[str]) -> Done | None:
        """One process."""
        return self.reader.output(script.argv(self.uri, batch), timeout=self.timeout)

    def answers(self, batches: Iterable[Sequence[str]]) -> dict[str, str]:
        """What each command of the batches printed."""
        found: dict[str, str] = {}
        for batch in batches:
            done = self.run(batch)
            if done is not None:
                found.update(zip(batch, script.answers(done.out, len(batch)), strict=True))
        return found


def _asked(virsh: _Virsh) -> LibvirtState:
    expected = definitions.expected(virsh.reader, virsh.uri)
    first, *rest = script.fitting([_ALL, *_SETS.values(), *_HOST, *expected])
    done = virsh.run(first)
    if done is None or done.rc != 0:
        return _failure(virsh.uri, done)
    found = dict(zip(first, script.answers(done.out, len(first)), strict=True))
    found.update(virsh.answers(rest))
    return _complete(virsh, found)


def _complete(virsh: _Virsh, found: dict[str, str]) -> LibvirtState:
    """The state, after a second process for definitions that the first did not get."""
    listed = [_Listed.parse(line) for line in found[_ALL].splitlines() if line.strip()]
    sets = {name: set(found[command].split()) for name, command in _SETS.items()}
    texts = definitions.by_uuid(found)
    missing = [
        definitions.command(kind, domain.uuid)
        for domain in listed
        for kind in definitions.KINDS
        if _needed(domain.uuid, kind, sets) and (domain.uuid, kind) not in texts
    ]
    texts.update(definitions.by_uuid(virsh.answers(script.fitting(missing))))
    models, user = _security(found["capabilities"])
    version, hypervisor = _versions(found["version"])
    domains = (_domain(domain, sets, texts) for domain in listed)
    return LibvirtState(
        uri=virsh.uri,
        version=version,
        hypervisor=hypervisor,
        security_models=models,
        qemu_user=user,
        domains=tuple(sorted((d for d in domains if d is not None), key=lambda d: d.name)),
    )


# -- what came back


class _Listed(Record):
    uuid: str
    name: str

    @classmethod
    def parse(cls, line: str) -> _Listed:
        """A line of ``list --uuid --name``: the UUID, white space, the name."""
        uuid, _, name = line.strip().partition(" ")
        return cls(uuid, name.strip())


def _needed(uuid: str, kind: str, sets: dict[str, set[str]]) -> bool:
    if kind == "inactive":
        return uuid not in sets["transient"]
    return uuid in sets["active" if kind == "live" else "managed save"]


def _domain(
    domain: _Listed, sets: dict[str, set[str]], texts: definitions.Texts
) -> DomainState | None:
    """None when the domain was gone before its definition could be read."""
    uuid = domain.uuid
    inactive, live, saved = (
        texts.get((uuid, kind)) if _needed(uuid, kind, sets) else None for kind in definitions.KINDS
    )
    if inactive is None and live is None:
        return None
    return DomainState(
        name=domain.name,
        uuid=uuid,
        state=_state(uuid, sets),
        persistent=uuid not in sets["transient"],
        autostart=uuid in sets["autostart"],
        managed_save=uuid in sets["managed save"],
        snapshots=uuid in sets["snapshots"],
        inactive=inactive,
        live=live,
        checkpoints=uuid in sets["checkpoints"],
        saved=saved,
    )


def _state(uuid: str, sets: dict[str, set[str]]) -> str:
    for state in ("running", "paused"):
        if uuid in sets[state]:
            return state
    return "other" if uuid in sets["active"] else "shut off"


def _versions(text: str) -> tuple[str, str]:
    """libvirt's version and the hypervisor's, from ``virsh version``."""
    library = re.search(r"libvirt (\d[\w.]*)", text)
    running = re.search(r"hypervisor: (.+)", text)
    return library[1] if library else "", running[1].strip() if running else ""


def _security(text: str) -> tuple[tuple[str, ...], int | None]:
    """Security models and QEMU's uid, from ``virsh capabilities`` (formatcaps.rst)."""
    models = tuple(re.findall(r"<model>(selinux|apparmor|dac)</model>", text))
    user = re.search(r"<baselabel type='kvm'>\+(\d+):\+\d+</baselabel>", text)
    return models, int(user[1]) if user else None


# -- connections that fail

_REASONS = (
    ("denied", r"permission denied|authentication (failed|unavailable)|access denied|polkit"),
    ("no-daemon", r"no such file or directory|connection refused|failed to connect socket"),
)


def _failure(uri: str, done: Done | None) -> LibvirtState:
    if done is None:
        return LibvirtState(uri, reason="no-virsh", message="virsh is not installed")
    lines = [line.removeprefix("error:").strip() for line in done.err.splitlines()]
    # The first line only says that connecting failed; the next says why.
    told = [line for line in lines if line and "failed to connect to the hypervisor" not in line]
    message = told[0] if told else "virsh failed"
    matching = (word for word, pattern in _REASONS if re.search(pattern, message, re.IGNORECASE))
    return LibvirtState(uri, reason=next(matching, "failed"), message=message)
