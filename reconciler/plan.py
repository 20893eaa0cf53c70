"""From wanted and observed to an ordered plan: pure, and the same every time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter

from backends.steps import DefineDomain, RemoveFile, RenameFile, WriteFile
from reconciler.checks import host_findings
from reconciler.context import Context, Wishes
from reconciler.digest import digest
from reconciler.model import Change, Effective, Finding, Pending, Plan, Severity, closed
from reconciler.observe import HostState
from reconciler.ownership import Owned
from reconciler.resources import initramfs, resources
from specs.record import replace

_LASTING = (WriteFile, RemoveFile, RenameFile, DefineDomain)
_RANK = {Severity.REFUSE: 0, Severity.WARN: 1, Severity.NOTE: 2}


def build(ctx: Context, *, spec_digest: str) -> Plan:
    """The plan that makes this host what the spec says."""
    findings = list(host_findings(ctx))
    wishes = _sum(resource.wishes(ctx) for resource in resources())
    wishes = replace(wishes, files=wishes.files + initramfs.derived(ctx, wishes))
    results = [resource.plan(ctx, wishes) for resource in resources()]
    findings += [f for result in results for f in result.findings]
    held = {r.held: r.until for r in results if r.held}
    found = [_marked(ctx.owned, c) for r in results for c in r.changes]
    changes = ordered([c for c in found if c.group not in held])
    return Plan(
        host=host_summary(ctx),
        spec_path=ctx.spec_path,
        spec_digest=spec_digest,
        state_digest=digest(ctx.state),
        changes=changes,
        pending=(
            *(p for r in results for p in r.pending),
            *(_waiting(c, held[c.group]) for c in found if c.group in held),
        ),
        findings=_sorted(findings),
        unchanged=tuple(u for r in results for u in r.unchanged),
        spec_content=ctx.spec.model_dump(mode="json", exclude_unset=True, by_alias=True),
        documents={
            path: text.decode("utf-8", "surrogateescape") for path, text in ctx.documents.items()
        },
        base_dir=ctx.base_dir,
        observed=ctx.state,
        names={str(f.address): ctx.state.names.name(f.vendor, f.device) for f in ctx.state.pci},
        contents=_contents(ctx, changes),
    )


def _marked(owned: Owned, change: Change) -> Change:
    """Files and domains that the record has as this change would leave them are no longer so. (An
    attribute of the running kernel is not looked at: a reboot takes it back.)"""
    lasting = any(isinstance(step, _LASTING) for step in change.steps)
    claims = [c for c in change.claims if not initramfs.due(c)]
    claimed = any(claim.value is not None for claim in claims)
    drift = lasting and claimed and owned.with_claims(claims) == owned
    return replace(change, drift=True) if drift else change


def _waiting(change: Change, until: Effective) -> Pending:
    """A change that waits until a trial boot is confirmed."""
    now = "" if change.kind == "file" else str(change.before or "")
    return Pending(change.object, "once the trial is confirmed", now, until)


def _contents(ctx: Context, changes: Sequence[Change]) -> dict[str, bytes | None]:
    """What is now where steps will write, as far as it was observed."""
    state = ctx.state
    known = {path: own.content for path, own in state.own_files.items()}
    known |= {source.path: source.content for source in state.boot.sources}
    for domain in state.libvirt.domains:
        text = domain.inactive
        known[f"domain {domain.name}"] = None if text is None else text.encode("utf-8", "replace")
    steps = [step for change in changes for step in change.steps]
    touched = {s.path for s in steps if isinstance(s, (WriteFile, RemoveFile))}
    touched |= {f"domain {s.domain}" for s in steps if isinstance(s, DefineDomain)}
    return {key: known[key] for key in sorted(touched & known.keys())}


def host_summary(ctx: Context) -> dict[str, str]:
    """The plan's ``host`` object."""
    state = ctx.state
    return {
        "hostname": state.identity.hostname,
        "machine_id": state.identity.machine_id,
        "bootloader": state.boot.loader,
        "iommu": iommu_word(state),
    }


def iommu_word(state: HostState) -> str:
    """intel, amd or other when it runs; ``off``, ``none`` or ``unknown`` when not."""
    iommu = state.iommu
    if iommu.active:
        return iommu.kind or "other"
    if not iommu.shown:
        return "unknown"
    return "off" if iommu.tables else "none"


def ordered(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Topological order over ``requires``; among the ready ones by resource order, then id.

    A cycle is a bug, told with its members.
    """
    changes = closed(changes)
    known = {change.id: change for change in changes}
    if len(known) != len(changes):
        raise AssertionError(f"two changes with one id: {sorted(c.id for c in changes)}")
    position = {change.id: n for n, change in enumerate(changes)}
    sorter = TopologicalSorter({c.id: c.requires for c in changes})
    try:
        sorter.prepare()
    except CycleError as e:
        raise AssertionError(f"changes require each other: {e.args[1]}") from e
    out: list[Change] = []
    while sorter.is_active():
        for ready in sorted(sorter.get_ready(), key=lambda i: (position[i], i)):
            out.append(known[ready])
            sorter.done(ready)
    return tuple(out)


def _sum(parts: Iterable[Wishes]) -> Wishes:
    found = list(parts)
    return Wishes(
        args=tuple(a for w in found for a in w.args),
        files=tuple(f for w in found for f in w.files),
        early_modules=tuple(dict.fromkeys(m for w in found for m in w.early_modules)),
    )


def _sorted(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    return tuple(
        sorted(set(findings), key=lambda f: (_RANK[f.severity], f.where, f.code, f.message))
    )
