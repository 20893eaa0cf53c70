"""A spec and a source of facts, planned as often as needed."""

from __future__ import annotations

import os
from collections.abc import Mapping

from backends.bootloader import declarable
from backends.files import read_regular
from backends.identity import observe_identity
from backends.reader import Reader
from backends.snapshot import SnapshotReader
from reconciler import trust
from reconciler.context import Context
from reconciler.model import Finding, Plan
from reconciler.observe import HostState, observe
from reconciler.ownership import Owned
from reconciler.plan import build
from reconciler.resources import own_paths
from reconciler.source import Source
from reconciler.tree import in_tree
from specs.errors import ReconcileError, SpecError, SpecProblem
from specs.load import LoadedSpec, load
from specs.record import Record, replace
from specs.select import select
from specs.spec import HostSpec

_MAX_DOCUMENT = 8 << 20


def without_secrets(content: bytes, path: str) -> bytes:
    """A domain definition as it may be shown and kept in plans. Raises ReconcileError."""
    from backends.formats import domain_xml

    text = content.decode("utf-8", "surrogateescape")
    return domain_xml.strip(text, where=path).encode("utf-8", "surrogateescape")


class Session(Record):
    """What is wanted (``spec`` and the files that it names), and where to look. ``confirming`` and
    ``again`` are about a trial boot: see Context."""

    spec: HostSpec
    spec_path: str
    spec_digest: str
    base_dir: str
    documents: Mapping[str, bytes]
    source: Source
    files: tuple[str, ...] = ()
    confirming: bool = False
    again: bool = False

    @classmethod
    def open(cls, path: str, source: Source) -> Session:
        """Load a spec file, or the spec of this machine from a folder. Raises SpecError."""
        if os.path.isdir(path):
            here = observe_identity(source.reader)
            loaded = select(
                path, hostname=here.hostname, machine_id=here.machine_id, loaders=declarable()
            )
        else:
            loaded = load(path, loaders=declarable())
        paths = _definitions(loaded)
        return cls(
            spec=_resolved(loaded.spec, paths),
            spec_path=os.path.abspath(loaded.path),
            spec_digest=loaded.digest,
            base_dir=loaded.base_dir,
            documents=_documents(loaded, paths),
            source=source,
            files=(*loaded.files, *(path for path in paths.values() if os.path.exists(path))),
        )

    @classmethod
    def of_plan(cls, plan: Plan, source: Source, path: str) -> Session:
        """The session behind the plan saved at ``path``: it carries its spec along."""
        return cls(
            spec=_spec_of(plan, path),
            spec_path=plan.spec_path,
            spec_digest=plan.spec_digest,
            base_dir=plan.base_dir,
            documents={
                name: text.encode("utf-8", "surrogateescape")
                for name, text in plan.documents.items()
            },
            source=source,
            files=(path,),
        )

    def plan(self, owned: Owned | None = None, state: HostState | None = None) -> Plan:
        """Observe and plan. ``owned`` stands in for the record on the host, ``state`` for a look
        at it."""
        reader = SnapshotReader(self.source.reader)
        state = self.observe(reader) if state is None else state
        ctx = Context(
            spec=self.spec,
            state=state,
            owned=state.owned if owned is None else owned,
            spec_path=self.spec_path,
            base_dir=self.base_dir,
            documents=self.documents,
            spec_digest=self.spec_digest,
            tree=self.source.tree is not None,
            confirming=self.confirming,
            again=self.again,
        )
        plan = build(ctx, spec_digest=self.spec_digest)
        if self.source.tree is not None:
            plan = in_tree(plan, self.source.tree, ctx.owned, reader)
        return replace(plan, findings=(*self._trust(), *plan.findings))

    def _trust(self) -> tuple[Finding, ...]:
        """Only root itself, on the machine that it is about to change, has this to lose."""
        host = self.source.host
        if host is None or not host.live or os.geteuid() != 0:
            return ()
        return tuple(trust.findings(self.files))

    def observe(self, reader: Reader | None = None) -> HostState:
        """Everything that a plan may depend on, as it is now; ``reader``: a look begun already."""
        return observe(
            reader or self.source.reader,
            own_paths(),
            self.spec.boot.loader,
            libvirt_uri=self.source.libvirt_uri,
            ssh_connection=self.source.ssh_connection,
            device_serials=any(t.serial for t in (*self.spec.device, *self.spec.sriov)),
            trial=self.spec.boot.trial,
        )


def _spec_of(plan: Plan, path: str) -> HostSpec:
    try:
        return HostSpec.model_validate(plan.spec_content)
    except ValueError as e:  # pydantic's errors are ValueErrors, and so is text that is no UTF-8
        from reconciler.plan_json import PlanError

        hint = "make a new one: reconcile --plan SPEC --out FILE"
        raise PlanError("the spec in this plan is not valid", where=path, hint=hint) from e


def _definitions(loaded: LoadedSpec) -> dict[str, str]:
    """Where the domain definitions lie that the spec names, by spec path."""
    named = {
        f"vm[{index}].definition": vm.definition
        for index, vm in enumerate(loaded.spec.vm)
        if vm.definition is not None
    }
    return {where: os.path.abspath(loaded.resolve(where, path)) for where, path in named.items()}


def _resolved(spec: HostSpec, paths: Mapping[str, str]) -> HostSpec:
    """The spec with absolute paths, so that it means the same wherever it is read again."""
    vms = tuple(
        vm.model_copy(update={"definition": paths[where]})
        if (where := f"vm[{index}].definition") in paths
        else vm
        for index, vm in enumerate(spec.vm)
    )
    return spec.model_copy(update={"vm": vms}) if paths else spec


def _documents(loaded: LoadedSpec, paths: Mapping[str, str]) -> dict[str, bytes]:
    """The domain definitions that the spec names, read now so that a plan is complete."""
    found: dict[str, bytes] = {}
    problems = []
    for where, path in paths.items():
        try:
            found[where] = without_secrets(read_regular(path, _MAX_DOCUMENT), path)
        except FileNotFoundError:
            continue  # only needed when the domain does not exist: a finding then
        except (OSError, ReconcileError) as e:
            why = e.strerror if isinstance(e, OSError) else e.message
            file, line, column = loaded.locate(where)
            problems.append(SpecProblem(file, line, column, where, f"cannot use {path}: {why}"))
    if problems:
        raise SpecError(problems)
    return found
