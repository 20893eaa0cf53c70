"""Binding at boot: files from which modprobe and udev give functions to vfio-pci first.

By id (``options vfio-pci ids=``) where that catches exactly the wanted functions; by a udev rule
that sets driver_override where an id would catch a twin that stays with the host, or could catch
one that it will need, or where the host's driver is built into the kernel and comes first.
Sources: modprobe.d(5), Documentation/ABI/testing/sysfs-bus-pci, udev(7).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from backends.formats.udev_rule import driver_override_rule
from backends.pci import PciFunction, PciState
from reconciler.context import ArgWish, FileWish, Wishes
from reconciler.passthrough.record import SECTION as SECTION
from reconciler.passthrough.record import claim
from reconciler.passthrough.select import Selection
from specs.values import PciAddress

Records = Mapping[str, Mapping[str, str | None]]

_MODULE = re.compile(r"[A-Za-z0-9_-]+")
VFIO = "vfio-pci"
MODPROBE = "/etc/modprobe.d/reconcile.conf"
RULES = "/etc/udev/rules.d/10-reconcile-vfio.rules"

# (class prefix, vendor, drivers) that would win the race for a device without a softdep; the driver
# that a function has when it is first taken is added to these.
_RIVALS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("03", "10de", ("nouveau", "nvidia", "nvidia_drm", "nvidiafb")),
    ("03", "1002", ("amdgpu", "radeon")),
    ("03", "8086", ("i915", "xe")),
    ("0403", "", ("snd_hda_intel",)),
    ("0108", "", ("nvme",)),
    ("0106", "", ("ahci",)),
    ("0c0330", "", ("xhci_pci",)),
    ("0c0320", "", ("ehci_pci",)),
)


def wishes(
    selections: Sequence[Selection],
    pci: PciState,
    owned: Records,
    *,
    builtin: bool,
    builtin_drivers: Collection[str],
    header: str,
) -> Wishes:
    """Files, arguments and early modules for every function that is bound at boot.

    ``owned`` is the record of functions taken earlier, with the driver that each had then;
    ``builtin`` says that vfio-pci is part of the kernel, ``builtin_drivers`` which others are.
    """
    wanted = [(f, s) for s in selections for f in s.all]
    if not wanted:
        return Wishes()
    because = ", ".join(dict.fromkeys(s.where for _, s in wanted))
    claims = tuple(claim(f, pci, owned, s.spec.driver) for f, s in wanted)
    given = {f.address for f, s in wanted if s.spec.driver == VFIO}
    first = {f.address: _first(f, owned, builtin_drivers) for f, _ in wanted}
    exact = {i for i in {f.id for f, _ in wanted} if _is_exact(i, given, pci)}
    by_id = {
        f.address: f.id
        for f, s in wanted
        if s.spec.driver == VFIO and first[f.address] is None and f.id in exact and _may_go_by_id(f)
    }
    ids = ",".join(dict.fromkeys(by_id.values()))
    args = (ArgWish(f"vfio-pci.ids={ids}", because),) if builtin and ids else ()
    modules = {s.spec.driver: None for _, s in wanted if not (builtin and s.spec.driver == VFIO)}
    lines = [f"options vfio-pci ids={ids}"] if ids and not builtin else []
    for module in modules:
        rivals = _rivals([f for f, s in wanted if s.spec.driver == module], owned)
        itself = module.replace("-", "_")
        lines += [f"softdep {rival} pre: {module}" for rival in rivals if rival != itself]
    rules = [
        driver_override_rule(f, s.spec.driver, taken_from=first[f.address])
        for f, s in wanted
        if f.address not in by_id
    ]
    texts = {MODPROBE: "".join(f"{line}\n" for line in lines), RULES: "".join(rules)}
    files = tuple(
        FileWish(path, (header + text).encode(), because, in_initramfs=True, claims=claims)
        for path, text in texts.items()
        if text
    )
    return Wishes(args, files, tuple(modules))


def _first(function: PciFunction, owned: Records, builtin_drivers: Collection[str]) -> str | None:
    """The driver of the host that has the function before any other can: a built-in one."""
    driver = _hosts(function, owned)
    return driver if driver in builtin_drivers else None


def _hosts(function: PciFunction, owned: Records) -> str | None:
    """The driver that the host has for a function: the one from before it was taken."""
    record = owned.get(str(function.address))
    return record["driver"] if record else function.driver


def _is_exact(ids: str, given: Collection[PciAddress], pci: PciState) -> bool:
    """Whether every function with this id goes away anyway."""
    return all(other.address in given for other in pci.with_id(ids))


def _may_go_by_id(function: PciFunction) -> bool:
    """Not storage and network cards: a twin that is added later may be what the host boots from,
    or its way to the network. Not VFs: they come and go."""
    return function.physfn is None and function.base_class not in ("01", "02")


def _rivals(functions: Sequence[PciFunction], owned: Records) -> list[str]:
    found: set[str] = set()
    for function in functions:
        for prefix, vendor, names in _RIVALS:
            if function.class_code[2:].startswith(prefix) and vendor in ("", function.vendor):
                found.update(names)
        before = _hosts(function, owned)
        # A name out of somebody's tree or record must not bring a line of its own.
        if before and _MODULE.fullmatch(before) and before.replace("-", "_") != "vfio_pci":
            found.add(before.replace("-", "_"))
    return sorted(found)
