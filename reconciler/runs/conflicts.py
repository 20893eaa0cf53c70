"""What stands against undoing a run: later edits by others, and devices that are in use by now."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from backends.formats.cmdline import has
from backends.host import Host
from backends.steps import (
    DefineDomain,
    RemoveFile,
    Step,
    WriteAttribute,
    WriteFile,
)
from reconciler.context import Context
from reconciler.model import Finding, refuse
from reconciler.observe import HostState
from reconciler.ownership import Owned, digest
from reconciler.passthrough.live import obstacle
from reconciler.runs.history import RunRecord, undo_of
from reconciler.runs.journal import digest_of, file_facts, left_by
from specs.spec import HostSpec
from specs.values import PciAddress

_HINT = "undo later runs first, or put it back by hand; how it was before is in the journal of "
_ADDRESS = re.compile(r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")


def conflicts(
    host: Host,
    record: RunRecord,
    state: HostState,
    *,
    same_boot: bool,
    spared: Collection[str] = (),
) -> Iterator[Finding]:
    """Everything that is no longer as the run left it. Attributes only count in the boot of the
    run: after another one the kernel has what the files say. ``spared`` files are made again."""
    for path in _edited(host, record):
        if path not in spared:
            yield _conflict(record, path, "the file has changed since that run")
    yield from _redefined(host, record)
    left = record.standing("did")
    values = {e["attribute"]: e.get("value") for e in left if "attribute" in e}
    before = dict(_attributes(record))
    for path, value in values.items() if same_boot else ():
        now = host.reader.read_text(path, optional=True)
        if value is not None and now is not None and now not in (value, before.get(path)):
            text = f"it holds {now.strip()!r} now, and {value.strip()!r} after that run"
            yield _conflict(record, path, text)
    yield from _new_entries(record, state)


def _conflict(record: RunRecord, where: str, message: str) -> Finding:
    return refuse("rollback-conflict", where, message, _HINT + record.run)


def _edited(host: Host, record: RunRecord) -> Iterator[str]:
    """Files that hold neither what the run left, nor what stood there before it (a rollback that
    was killed had put it back), nor what it was about to write when it was killed."""
    before: dict[str, Mapping[str, Any]] = {}
    left: dict[str, Mapping[str, Any]] = {}
    for event in record.standing("step"):
        for undo in undo_of(record, event):
            if isinstance(undo, (WriteFile, RemoveFile)):
                before.setdefault(undo.path, _facts(undo))
        if "path" in event:
            left[event["path"]] = event
    for event in record.standing("did"):
        if "path" in event:
            left[event["path"]] = event
    for path, known in left.items():
        now = file_facts(host, path)
        if not any(_same(now, one) for one in (known, before.get(path)) if one is not None):
            yield path


def _facts(undo: WriteFile | RemoveFile) -> Mapping[str, Any]:
    return {"sha256": digest(undo.content) if isinstance(undo, WriteFile) else None}


def _redefined(host: Host, record: RunRecord) -> Iterator[Finding]:
    """Domains, likewise."""
    left = {e["domain"]: e for e in record.standing("did") if "domain" in e}
    before = {e["change"]: digest_of(e["undo"]) for e in reversed(record.standing("step"))}
    for name, fact in left.items():
        step = DefineDomain(str(name), "", uuid=fact.get("uuid"))
        if left_by(host, step)["left"] not in (fact["left"], before[fact["change"]]):
            text = "the definition has changed since that run"
            yield _conflict(record, f"domain {name}", text)


def _attributes(record: RunRecord) -> Iterator[tuple[str, str]]:
    """What attributes held before the run: the first undo of each is the last to be done."""
    for event in reversed(record.standing("step")):
        for undo in undo_of(record, event):
            if isinstance(undo, WriteAttribute):
                yield undo.path, undo.value


def _same(now: Mapping[str, Any], then: Mapping[str, Any]) -> bool:
    return all(now.get(k) == then[k] for k in ("sha256", "mode", "owner") if k in then)


def _new_entries(record: RunRecord, state: HostState) -> Iterator[Finding]:
    """A kernel that was installed since then has an entry with the arguments of the run, which
    its journal does not know."""
    added = _added(record)
    known = {e["path"] for e in record.standing("did") if "path" in e}
    for entry in state.boot.normal():
        new = entry.source.endswith(".conf") and entry.source not in known
        ours = [a for a in added if has(entry.args, a)]
        if new and ours:
            text = f"this entry was made since that run, and has {' '.join(ours)}"
            yield _conflict(record, entry.source, text)


def _added(record: RunRecord) -> list[str]:
    """Kernel arguments that reconcile owned after the run and not before it."""
    now: list[str] = []
    was: list[str] = []
    for event in record.standing("claimed"):
        for claim, before in zip(event["claims"], event["was"], strict=False):
            if (claim["section"], claim["key"]) == ("kernel-args", "args"):
                now, was = list(claim["value"] or ()), list(before["value"] or ())
    return [arg for arg in now if arg not in was]


def in_use(state: HostState, steps: Iterable[Step]) -> Iterator[Finding]:
    """``device-in-use``: functions that the steps take from their driver, while something needs
    them there."""
    ctx = Context(HostSpec.model_validate({"version": 1}), state, Owned(), "", "/", {})
    for address in dict.fromkeys(_functions(state, steps)):
        function = state.pci.get(PciAddress.parse(address))
        why = obstacle(ctx, function) if function is not None else ""
        if why:
            yield refuse(
                "device-in-use",
                address,
                f"undoing that run would take it from {getattr(function, 'driver', None)}: {why}",
                "stop what uses it (shut down the VM), then roll back again",
            )


def _functions(state: HostState, steps: Iterable[Step]) -> Iterator[str]:
    """Functions that lose their driver, and VFs that go with a new number of them."""
    for step in steps:
        if not isinstance(step, WriteAttribute):
            continue
        if step.path.endswith("/unbind"):
            yield from _ADDRESS.findall(f"{step.path} {step.value}")
        if step.path.endswith("/sriov_numvfs"):
            yield from _virtual(state, _ADDRESS.findall(step.path))


def _virtual(state: HostState, physical: Sequence[str]) -> Iterator[str]:
    for address in physical[-1:]:
        function = state.pci.get(PciAddress.parse(address))
        yield from (str(vf) for vf in (function.virtfns if function else ()))
