"""Binding at boot: files from which modprobe and udev give functions to vfio-pci first.

By id (``options vfio-pci ids=``) where that catches exactly the wanted functions; by a udev rule
that sets driver_override where an id would catch a twin that stays with the host. Sources:
modprobe.d(5), Documentation/ABI/testing/sysfs-bus-pci, udev(7).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from backends.formats.udev_rule import driver_override_rule
from backends.pci import PciFunction, PciState
from reconciler.passthrough.select import Selection
from reconciler.resources.base import ArgWish, FileWish, Wishes

MODPROBE = "/etc/modprobe.d/reconcile.conf"
RULES = "/etc/udev/rules.d/10-reconcile-vfio.rules"

# Drivers that want a class of device, and would win the race for it without a softdep; the driver
# that a function has when it is first taken is added to these.
_RIVALS: Mapping[str, tuple[str, ...]] = {
    "0300": ("nouveau", "nvidia", "nvidia_drm", "amdgpu", "radeon", "i915", "xe", "snd_hda_intel"),
    "0302": ("nouveau", "nvidia", "nvidia_drm", "amdgpu", "i915", "xe"),
    "0380": ("nouveau", "nvidia", "amdgpu", "i915", "xe"),
    "0403": ("snd_hda_intel",),
    "0108": ("nvme",),
    "0106": ("ahci",),
    "0c03": ("xhci_pci", "ehci_pci", "ohci_pci", "uhci_hcd"),
}


def wishes(
    selections: Sequence[Selection],
    pci: PciState,
    drivers_before: Mapping[str, str | None],
    *,
    builtin: bool,
    header: str,
) -> Wishes:
    """Files, arguments and early modules for every function bound at boot to vfio-pci."""
    wanted = [(f, s.where) for s in selections for f in s.all if s.spec.driver == "vfio-pci"]
    if not wanted:
        return Wishes()
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
        lines += [
            f"softdep {d} pre: vfio-pci" for d in _rivals([f for f, _ in wanted], drivers_before)
        ]
    if lines:
        text = header + "".join(f"{line}\n" for line in lines)
        files.append(FileWish(MODPROBE, text.encode(), because, in_initramfs=True))
    if by_rule:
        text = header + "".join(driver_override_rule(f, "vfio-pci") for f, _ in by_rule)
        files.append(FileWish(RULES, text.encode(), because, in_initramfs=True))
    return Wishes(tuple(args), tuple(files), () if builtin else ("vfio-pci",))


def _ids_are_exact(function: PciFunction, given: Iterable[object], pci: PciState) -> bool:
    """Whether every function with this id goes away anyway."""
    return all(other.address in given for other in pci if other.id == function.id)


def _rivals(
    functions: Sequence[PciFunction], drivers_before: Mapping[str, str | None]
) -> list[str]:
    found = {name for f in functions for name in _RIVALS.get(f.short_class, ())}
    for function in functions:
        before = drivers_before.get(str(function.address), function.driver)
        if before and before.replace("-", "_") != "vfio_pci":
            found.add(before.replace("-", "_"))
    return sorted(found)
