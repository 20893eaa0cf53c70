"""Binding at boot: files from which modprobe and udev give functions to vfio-pci first.

By id (``options vfio-pci ids=``) where that catches exactly the wanted functions; by a udev rule
that sets driver_override where an id would catch a twin that stays with the host. Sources:
modprobe.d(5), Documentation/ABI/testing/sysfs-bus-pci, udev(7).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from backends.formats.udev_rule import driver_override_rule
from backends.pci import PciFunction, PciState
from reconciler.passthrough.record import SECTION as SECTION
from reconciler.passthrough.record import claim
from reconciler.passthrough.select import Selection
from reconciler.resources.base import ArgWish, FileWish, Wishes

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
    owned: Mapping[str, Mapping[str, str | None]],
    *,
    builtin: bool,
    header: str,
) -> Wishes:
    """Files, arguments and early modules for every function bound at boot to vfio-pci.

    ``owned`` is the record of functions taken earlier, with the driver that each had then.
    """
    wanted = [(f, s.where) for s in selections for f in s.all if s.spec.driver == "vfio-pci"]
    if not wanted:
        return Wishes()
    claims = tuple(claim(f, pci, owned) for f, _ in wanted)
    given = {f.address for f, _ in wanted}
    by_id = [(f, w) for f, w in wanted if _ids_are_exact(f, given, pci)]
    by_rule = [(f, w) for f, w in wanted if (f, w) not in by_id]
    ids = ",".join(dict.fromkeys(f.id for f, _ in by_id))
    files = []
    args = []
    because = ", ".join(dict.fromkeys(w for _, w in wanted))
    if builtin and ids:
        args.append(ArgWish(f"vfio-pci.ids={ids}", because))
    lines = [f"options vfio-pci ids={ids}"] if ids and not builtin else []
    if not builtin:
        lines += [f"softdep {d} pre: vfio-pci" for d in _rivals([f for f, _ in wanted], owned)]
    if lines:
        text = header + "".join(f"{line}\n" for line in lines)
        files.append(FileWish(MODPROBE, text.encode(), because, in_initramfs=True, claims=claims))
    if by_rule:
        text = header + "".join(driver_override_rule(f, "vfio-pci") for f, _ in by_rule)
        files.append(FileWish(RULES, text.encode(), because, in_initramfs=True, claims=claims))
    return Wishes(tuple(args), tuple(files), () if builtin else ("vfio-pci",))


def _ids_are_exact(function: PciFunction, given: Iterable[object], pci: PciState) -> bool:
    """Whether every function with this id goes away anyway."""
    return all(other.address in given for other in pci if other.id == function.id)


def _rivals(
    functions: Sequence[PciFunction], owned: Mapping[str, Mapping[str, str | None]]
) -> list[str]:
    found: set[str] = set()
    for function in functions:
        for prefix, vendor, names in _RIVALS:
            if function.class_code[2:].startswith(prefix) and vendor in ("", function.vendor):
                found.update(names)
        record = owned.get(str(function.address))
        before = record["driver"] if record else function.driver
        if before and before.replace("-", "_") != "vfio_pci":
            found.add(before.replace("-", "_"))
    return sorted(found)
