"""``--inspect --format html``: a picture of the host for a wiki."""

from __future__ import annotations

from reconciler.inspection.model import Inspection
from reconciler.render.html import machine, pci, sections
from reconciler.render.html.markup import el
from reconciler.render.html.page import document, section


def page(found: Inspection) -> str:
    """One file with everything in it."""
    return document(
        f"{found.host.hostname or 'host'}: what this host is",
        sections.masthead(found),
        el(
            "main",
            section("CPUs, memory, devices", machine.picture(found), note=sections.cpu_note(found)),
            sections.readiness(found.readiness),
            section("PCI tree and IOMMU groups", pci.tree(found)),
            sections.machines(found),
            sections.boot(found),
        ),
        el("footer", f"reconcile {found.tool_version}"),
    )
