"""--rollback: undo a run from its journal; what others edited since then is not touched."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from backends.host import Host
from backends.initramfs import generator
from backends.initramfs.state import Contents
from backends.inverse import in_order
from backends.steps import (
    DefineDomain,
    Expect,
    RemoveFile,
    RenameFile,
    Run,
    Step,
    WriteAttribute,
    WriteFile,
)
from reconciler.digest import digest
from reconciler.model import Change, Claim, Effective, Finding, Pending, Plan, warn
from reconciler.observe import HostState
from reconciler.ownership import Owned
from reconciler.plan import iommu_word
from reconciler.plan_json import PlanError, from_json
from reconciler.runs.conflicts import conflicts, in_use
from reconciler.runs.history import RUNS, RunRecord, names, record_of, runs
from reconciler.runs.journal import file_facts
from reconciler.tree import in_tree
from reconciler.trial import plan as trial
from specs.errors import ReconcileError, UsageError
from specs.record import replace

IMAGES = "initramfs"  # the change that makes images, and the section of what is in them


def find(host: Host, name: str | None) -> RunRecord:
    """The run of that name, or the last one that changed something. Raises UsageError, and
    ReconcileError where its journal is damaged."""
    known = [r for r in runs(host.reader) if r.damaged or r.standing("step")]
    if name is None:
        if not known:
            raise ReconcileError(
                "there is no run to undo", hint="reconcile --history lists the runs"
            )
        name = _unfinished(known[-1]) or known[-1].run
    found = next((r for r in known if r.run == name), None)
    if found is None:
        names = ", ".join(r.run for r in known[-5:])
        hint = f"the last runs are: {names}" if names else "there are no runs on this host"
        raise UsageError(f"there is no run {name} that left anything to undo", hint=hint)
    if found.damaged:
        raise ReconcileError(
            "the journal of that run is damaged: what is left of it would undo only a part",
            where=f"{RUNS}/{found.run}/journal.jsonl",
            hint="apply a spec instead: what is owned is known all the same (an empty spec gives "
            "everything back); or name another run (reconcile --history)",
        )
    return found


def _unfinished(record: RunRecord) -> str:
    """What a rollback that was killed was to undo: asking again goes on with that."""
    done = record.first("finished").get("result") == "done"
    return "" if done else str(record.first("planned").get("undoes", ""))


def plan(host: Host, record: RunRecord, state: HostState) -> Plan:
    """The plan that undoes a run, all of it or nothing, and what stands against it as refusals.
    ``state`` is the host as it is now."""
    done = _changes(host, record)
    stale = {path: steps for path, steps in _generated(done) if _moved_on(host, record, path)}
    if any(change.id == trial.ID for change in done):
        stale |= trial.back(state)
    same_boot = record.first("planned").get("boot", "") == state.identity.boot_id
    effective = Effective.NOW if same_boot else _latest(done)
    changes = tuple(_parts(record, state, stale, effective))
    if not host.has_kernel:
        changes = in_tree(Plan({}, "", "", "", changes), host, state.owned, host.reader).changes
    steps = [step for change in changes for step in change.steps]
    found = conflicts(host, record, state, same_boot=same_boot, spared=stale)
    return Plan(
        host={
            "hostname": state.identity.hostname,
            "machine_id": state.identity.machine_id,
            "bootloader": state.boot.loader,
            "iommu": iommu_word(state),
        },
        spec_path=str(record.first("planned").get("spec", "")),
        spec_digest=str(record.first("planned").get("digest", "")),
        state_digest=digest(state),
        changes=changes,
        findings=(*found, *in_use(state, steps), *_begun_by_another(host, record)),
        pending=() if same_boot else tuple(_pending(done)),
    )


def _begun_by_another(host: Host, record: RunRecord) -> tuple[Finding, ...]:
    """The run finished what a killed one had begun: that is not undone with it."""
    earlier = [name for name in names(host.reader) if name < record.run]
    if not earlier:
        return ()
    last = record_of(host.reader, earlier[-1])
    if last.first("finished").get("result", "killed") != "killed":
        return ()
    if last.first("planned").get("undoes") or not last.standing("step"):
        return ()
    message = f"it went on after {last.run}, which was killed; what that had changed stays"
    hint = f"to undo that too, afterwards: reconcile --rollback {last.run}"
    return (warn("rollback-partial", record.run, message, hint),)


def _parts(
    record: RunRecord,
    state: HostState,
    stale: Mapping[str, Sequence[Step]],
    effective: Effective,
) -> Iterator[Change]:
    """Files and attributes; then what programs make of them: images for the kernels of today, and
    then boot configuration."""
    undo = in_order(record.undo_steps(but=IMAGES))
    first = [s for s in undo if not (isinstance(s, Run) or _overwrites(s, stale))]
    again: list[Step] = [s for s in undo if isinstance(s, Run)]
    again += [step for steps in stale.values() for step in steps]
    claims = given_back(record, state.owned)
    name = f"rollback:{record.run}"
    yield _part(name, record, first, effective, claims)
    if record.did(IMAGES) and state.initramfs.images:
        make = generator(state.initramfs.generator).regenerate(state.initramfs, Contents())
        yield _part(IMAGES, record, make, effective)
    if again:
        yield _part(f"{name}:again", record, again, effective)


def _part(
    name: str,
    record: RunRecord,
    steps: Sequence[Step],
    effective: Effective,
    claims: Sequence[Claim] = (),
) -> Change:
    shown = (s.preview() for s in steps if not isinstance(s, WriteAttribute))
    return Change(
        id=name,
        kind="rollback",
        object=record.run,
        field="changes",
        before="applied",
        after="undone",
        because="--rollback",
        steps=tuple(steps),
        effective=effective,
        group="rollback",
        claims=tuple(claims),
        details=tuple(("-", text, "") for text in shown),
    )


def _overwrites(step: Step, paths: Collection[str]) -> bool:
    return isinstance(step, (WriteFile, RemoveFile)) and step.path in paths


def _changes(host: Host, record: RunRecord) -> list[Change]:
    """The changes of the run that were not undone within it. Raises ReconcileError."""
    path = f"{RUNS}/{record.run}/plan.json"
    try:
        whole = from_json(host.reader.read_text(path) or "", path)
    except PlanError as e:
        hint = "apply a spec instead: an empty one gives back all that reconcile made"
        raise ReconcileError(e.message, where=path, hint=hint) from e
    standing = {e["change"] for e in record.standing("step")}
    return [c for c in whole.changes if c.id in standing]


def _generated(changes: Iterable[Change]) -> Iterator[tuple[str, tuple[Step, ...]]]:
    """Files that a program made aside, with the steps that make them again. What those expected of
    the file were the arguments of that run."""
    for change in changes:
        for rename in change.steps:
            if isinstance(rename, RenameFile) and not rename.again:
                made = (s for s in change.steps if isinstance(s, Run) and rename.source in s.argv)
                yield rename.path, (*(replace(s, expect=_less(s.expect)) for s in made), rename)


def _less(expect: Expect | None) -> Expect | None:
    return None if expect is None else replace(expect, args=(), absent=())


def _moved_on(host: Host, record: RunRecord, path: str) -> bool:
    """Whether a generated file was made again since then (a new kernel was installed, say)."""
    left = [e for e in record.standing("did") if e.get("path") == path]
    return bool(left) and file_facts(host, path)["sha256"] != left[-1]["sha256"]


def _latest(changes: Iterable[Change]) -> Effective:
    waits = {c.effective for c in changes}
    return Effective.REBOOT if Effective.REBOOT in waits else Effective.NOW


def _pending(changes: Iterable[Change]) -> Iterator[Pending]:
    """The run has been booted since: what it had configured runs until the next boot."""
    for change in changes:
        if change.effective is Effective.REBOOT and change.kind == "kernel-args":
            before, after = str(change.before or ""), str(change.after or "")
            yield Pending(change.object, before, after, Effective.REBOOT)


def looked_at_again(host: Host, plan: Plan) -> Plan:
    """The plan less its changes; raises ReconcileError where something is not back."""
    steps = (step for change in plan.changes for step in change.steps)
    last = {step.path: step for step in steps if not isinstance(step, (Run, DefineDomain))}
    wrong = [path for path, step in last.items() if not _is_so(host, step)]
    if wrong:
        raise ReconcileError(
            f"done, but looking again shows that it is not back: {', '.join(wrong)}",
            hint="how it was before the run is in its journal",
        )
    return replace(plan, changes=())


def _is_so(host: Host, step: Step) -> bool:
    if isinstance(step, WriteFile):
        return host.reader.read_bytes(step.path) == step.content
    if isinstance(step, RemoveFile):
        return not host.reader.exists(step.path)
    if isinstance(step, WriteAttribute) and not step.tolerate:
        now = host.reader.read_text(step.path, optional=True)
        return now is None or _plain(now) == _plain(step.value)
    return True


def _plain(value: str) -> str:
    return value.strip().removeprefix("(null)")


def given_back(record: RunRecord, owned: Owned) -> list[Claim]:
    """Claims that give the ownership record back.

    Killed in between, the next run must find everything of ours in it: what was made by the run
    (owned now), and what is made again where the run was a rollback itself.
    """
    after = {(c.section, c.key): c for c in record.was_owned()}
    during = [_both(c, owned.get(*key)) for key, c in after.items() if c.value is not None]
    if record.did(IMAGES):
        during.append(Claim(IMAGES, "due", True))
        after.setdefault((IMAGES, "due"), Claim(IMAGES, "due", None))
    return [*during, *(replace(claim, late=True) for claim in after.values())]


def _both(then: Claim, now: Any) -> Claim:
    if isinstance(then.value, list) and isinstance(now, list):
        return replace(then, value=list(dict.fromkeys([*now, *then.value])))
    return then if now is None else replace(then, value=now)
