"""Ids that others told to vfio-pci, which take what the spec does not give away.

Loaded late, vfio-pci finds such functions taken already, and nobody notices. Loaded early for the
devices of a spec, it comes before the drivers of the host.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from backends.pci import PciFunction
from backends.pci.iommu import uses_kernel_dma
from backends.pci.vfio_ids import VfioIds, ids_of_arguments, takes
from reconciler.context import Context
from reconciler.model import Finding, refuse, warn
from reconciler.passthrough.persist import MODPROBE
from reconciler.passthrough.safety import leaving_arguments
from specs.values import PciAddress


def findings(ctx: Context, given: Collection[PciAddress]) -> Iterator[Finding]:
    """``vfio-ids-foreign``: refused where the host needs what they would take."""
    for told in _told(ctx):
        for ids in told.ids:
            for function in _taken(ctx, ids, given):
                yield _finding(ctx, told.source, ids, function)


def _told(ctx: Context) -> Iterator[VfioIds]:
    yield from (told for told in ctx.state.vfio_ids if told.source != MODPROBE)
    words = dict.fromkeys(word for entry in ctx.state.boot.normal() for word in entry.args)
    leaving = leaving_arguments(ctx, tuple(words))
    if (found := ids_of_arguments(w for w in words if w not in leaving)) is not None:
        yield found


def _taken(ctx: Context, ids: str, given: Collection[PciAddress]) -> Iterator[PciFunction]:
    for function in ctx.state.pci:
        held = function.driver is not None and not uses_kernel_dma(function.driver)
        if function.address not in given and not held and takes(ids, function):
            yield function


def _finding(ctx: Context, source: str, ids: str, function: PciFunction) -> Finding:
    uses = ctx.state.needs.of(function.address, critical=True)
    used = f", which the host needs for {', '.join(map(str, uses))}" if uses else ""
    text = f"{source} gives {function.address} to vfio-pci by its id {ids}{used}"
    hint = f"take {ids} out of it: vfio-pci is loaded before the host's drivers from now on"
    make = refuse if uses else warn
    return make("vfio-ids-foreign", source, text, hint)
