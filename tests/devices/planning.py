"""Plans of small specs on trees."""

from __future__ import annotations

import re
from typing import Any

from backends.reader import Reader
from reconciler.context import Context
from reconciler.model import Change, Finding, Plan, Severity
from reconciler.observe import HostState, observe
from reconciler.ownership import Owned
from reconciler.plan import build
from reconciler.resources import own_paths
from specs.spec import HostSpec
from tests.simulator.hosts import debian
from tests.simulator.tree import TreeBuilder

HEX = r"[0-9a-f]{4,}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]"


def host(tree: TreeBuilder) -> TreeBuilder:
    """A Debian host with its system on an NVMe disk; the IOMMU runs."""
    debian(tree, "box", "0123456789abcdef0123456789abcdef", "quiet intel_iommu=on iommu=pt")
    tree.cpu()
    tree.iommu()
    nvme = tree.function("0000:04:00.0", "0x010802", "144d:a808", driver="nvme", group=40)
    tree.mount(tree.disk("nvme0n1", nvme, bus="nvme/nvme0"), "/")
    return tree


def state_of(reader: Reader) -> HostState:
    """Everything that a plan depends on."""
    return observe(reader, own_paths())


def plan_on(state: HostState, owned: Owned | None = None, **tables: Any) -> Plan:
    """The plan of a spec with these tables."""
    spec = HostSpec.model_validate({"version": 1, **tables})
    ctx = Context(spec, state, state.owned if owned is None else owned, "/s.toml", "/")
    return build(ctx, spec_digest="sha256:0")


def plan(tree: TreeBuilder, **tables: Any) -> Plan:
    """The same, on a tree as it is now."""
    return plan_on(state_of(tree.reader()), **tables)


def device(**keys: Any) -> dict[str, Any]:
    """A device table."""
    return {"name": "dev", **keys}


def refusals(found: Plan) -> list[Finding]:
    """What forbids the plan."""
    return [f for f in found.findings if f.severity is Severity.REFUSE]


def codes(found: Plan, severity: Severity = Severity.REFUSE) -> list[str]:
    """The codes of one severity, each once."""
    return sorted({f.code for f in found.findings if f.severity is severity})


def addresses(text: str) -> list[str]:
    """Every PCI address in a text."""
    return re.findall(HEX, text)


def drivers(found: Plan) -> dict[str, Change]:
    """Changes of drivers, by address."""
    return {c.object: c for c in found.changes if c.kind == "driver"}
