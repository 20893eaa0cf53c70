"""The kernel's reaction to writes in a tree: driver binding and SR-IOV as sysfs does them.

Every rule names its source; tests/contract runs the same checks on this and on a real kernel.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from backends.pci.iommu import uses_kernel_dma
from backends.reader import TreeReader
from tests.simulator.tree import TreeBuilder

_BUS = "/sys/bus/pci"
_DEVICE = _BUS + r"/devices/(?P<bdf>[0-9a-f:.]+)"
_DRIVER = _BUS + r"/drivers/(?P<driver>[^/]+)"


@dataclass
class SimKernel:
    """Reacts to writes under ``root``.

    ``natural`` says which host driver matches a function by its id; ``modules`` which drivers can
    be loaded; ``guest_groups`` which IOMMU groups a running VM holds; ``hangs`` which drivers never
    finish their release; ``vf_limit`` how many VFs the PF's driver really enables.
    """

    root: Path
    modules: set[str] = field(default_factory=lambda: {"vfio-pci", "pci-stub"})
    natural: dict[str, str] = field(default_factory=dict)
    guest_groups: set[int] = field(default_factory=set)
    hangs: set[str] = field(default_factory=set)
    refuses: set[tuple[str, str]] = field(default_factory=set)
    vf_driver: str = "iavf"
    vf_limit: int | None = None
    dynamic_ids: dict[str, set[str]] = field(default_factory=dict)
    writes: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """What is bound at the start is what matches."""
        self.tree = TreeBuilder(self.root)
        self.reader = TreeReader(self.root)
        for bdf in self.reader.list(f"{_BUS}/devices"):
            driver = self.driver(bdf)
            if driver and driver not in self.modules:
                self.natural.setdefault(bdf, driver)

    # --- reading ---------------------------------------------------------------------------

    def read(self, path: str) -> str | None:
        """An attribute's text."""
        return self.reader.read_text(path)

    def exists(self, path: str) -> bool:
        """Whether there is something at the path."""
        return self.reader.exists(path)

    def driver(self, bdf: str) -> str | None:
        """The driver a function is bound to."""
        link = self.reader.readlink(f"{_BUS}/devices/{bdf}/driver")
        return None if link is None else link.rsplit("/", 1)[-1]

    def driver_loaded(self, name: str) -> bool:
        """Whether a driver is registered with the PCI bus."""
        return self.exists(f"{_BUS}/drivers/{name}")

    # --- writing ----------------------------------------------------------------------------

    def write(self, path: str, value: str) -> None:
        """One write(2). Raises OSError with the kernel's errno."""
        self.writes.append((path, value))
        if value == "":
            return  # sysfs never calls the attribute for no bytes: fs/kernfs/file.c
        for pattern, reaction in self._reactions():
            match = re.fullmatch(pattern, path)
            if match is not None:
                reaction(self, value, **match.groupdict())
                return
        if not self.exists(path):
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        self.tree.write(self.reader.realpath(path), value if value.endswith("\n") else value + "\n")

    @staticmethod
    def _reactions() -> Iterator[tuple[str, Callable[..., None]]]:
        yield _DEVICE + "/driver_override", SimKernel._override
        yield _DEVICE + "/driver/unbind", SimKernel._unbind_of_device
        yield _DRIVER + "/unbind", SimKernel._unbind
        yield _DRIVER + "/bind", SimKernel._bind
        yield _DRIVER + "/new_id", SimKernel._new_id
        yield _BUS + "/drivers_probe", SimKernel._probe
        yield _DEVICE + "/sriov_numvfs", SimKernel._numvfs

    def modprobe(self, name: str) -> bool:
        """Load a module that registers a PCI driver of its own name."""
        if name not in self.modules and not self.driver_loaded(name):
            return False
        if not self.driver_loaded(name):
            self.tree.mkdir(f"{_BUS}/drivers/{name}")
            self.tree.write(f"/sys/module/{name.replace('-', '_')}/refcnt", "0\n")
            # Registering offers every unbound device to this driver only: drivers/base/bus.c.
            for bdf in self.reader.list(f"{_BUS}/devices"):
                if self.driver(bdf) is None and self._matches(bdf, name):
                    self._attach(bdf, name)
        return True

    def _override(self, value: str, bdf: str) -> None:
        """Cut at the first newline; nothing left means unset: drivers/base/driver.c."""
        text = value.partition("\n")[0]
        self._attribute(bdf, "driver_override", text or "(null)")

    def _unbind_of_device(self, value: str, bdf: str) -> None:
        driver = self.driver(bdf)
        if driver is None:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        self._unbind(value, driver)

    def _unbind(self, value: str, driver: str) -> None:
        """ENODEV unless this driver has the device: drivers/base/bus.c unbind_store."""
        bdf = value.strip()
        if self.driver(bdf) != driver:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        if driver in self.hangs:
            raise TimeoutError("the driver does not finish its release")
        path = self._path(bdf)
        os.unlink(f"{self.root}{path}/driver")
        os.unlink(f"{self.root}{_BUS}/drivers/{driver}/{bdf}")
        # What the driver had registered goes with it, and so do the VFs that it had enabled.
        for child in ("net", "nvme", "drm"):
            shutil.rmtree(f"{self.root}{path}/{child}", ignore_errors=True)
        if int((self.read(f"{path}/sriov_numvfs") or "0").strip()):
            self._remove_vfs(bdf)

    def _bind(self, value: str, driver: str) -> None:
        """ENODEV unless the driver matches: drivers/base/bus.c bind_store."""
        bdf = value.strip()
        if not self.exists(f"{_BUS}/devices/{bdf}") or not self._matches(bdf, driver):
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        if self.driver(bdf) is not None:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        self._attach(bdf, driver)

    def _new_id(self, value: str, driver: str) -> None:
        """For all present and future devices: drivers/pci/pci-driver.c new_id_store."""
        vendor, device = value.split()[:2]
        known = self.dynamic_ids.setdefault(driver, set())
        if f"{vendor}:{device}" in known:
            raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))
        known.add(f"{vendor}:{device}")
        for bdf in self.reader.list(f"{_BUS}/devices"):
            self._probe_one(bdf)

    def _probe(self, value: str) -> None:
        """Succeeds even where nothing binds: drivers/base/bus.c drivers_probe_store."""
        bdf = value.strip()
        if not self.exists(f"{_BUS}/devices/{bdf}"):
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        self._probe_one(bdf)

    def _probe_one(self, bdf: str) -> None:
        if self.driver(bdf) is not None:
            return
        for driver in self.reader.list(f"{_BUS}/drivers"):
            if self._matches(bdf, driver):
                try:
                    self._attach(bdf, driver)
                except OSError:
                    continue
                return

    def _matches(self, bdf: str, driver: str) -> bool:
        """driver_override names the only driver: drivers/pci/pci-driver.c pci_match_device."""
        override = (self.read(f"{_BUS}/devices/{bdf}/driver_override") or "").strip()
        if override not in ("", "(null)"):
            return override == driver
        return self.natural.get(bdf) == driver or self._id(bdf) in self.dynamic_ids.get(
            driver, set()
        )

    def _attach(self, bdf: str, driver: str) -> None:
        """EBUSY while a guest owns the group: drivers/iommu/iommu.c
        iommu_device_use_default_domain; a probe may also fail for the driver's own reasons."""
        link = self.reader.readlink(f"{_BUS}/devices/{bdf}/iommu_group") or "/-1"
        if int(link.rsplit("/", 1)[-1]) in self.guest_groups and uses_kernel_dma(driver):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        if (bdf, driver) in self.refuses:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        if driver == "vfio-pci" and self._is_bridge(bdf):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self.tree.bind(self._path(bdf), driver)

    # --- SR-IOV: drivers/pci/iov.c sriov_numvfs_store ----------------------------------------

    def _numvfs(self, value: str, bdf: str) -> None:
        path = self._path(bdf)
        total = int((self.read(f"{path}/sriov_totalvfs") or "0").strip())
        now = int((self.read(f"{path}/sriov_numvfs") or "0").strip())
        try:
            wanted = int(value.strip())
        except ValueError:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None
        if wanted > total or wanted < 0:
            raise OSError(errno.ERANGE, os.strerror(errno.ERANGE))
        if wanted == now:
            return
        driver = self.driver(bdf)
        if driver is None or driver == "vfio-pci":
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        if wanted == 0:
            self._remove_vfs(bdf)
        elif now:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        else:
            self._add_vfs(bdf, wanted if self.vf_limit is None else min(wanted, self.vf_limit))

    def _add_vfs(self, bdf: str, count: int) -> None:
        path = self._path(bdf)
        offset, stride = (
            int((self.read(f"{path}/{name}") or "1").strip())
            for name in ("sriov_offset", "sriov_stride")
        )
        device = (self.read(f"{path}/sriov_vf_device") or "154c").strip()
        vendor = (self.read(f"{path}/vendor") or "").strip().removeprefix("0x")
        for n in range(count):
            name = _plus(bdf, offset + n * stride)
            self._add_vf(bdf, name, f"{vendor}:{device}")
            self.tree.link(f"{path}/virtfn{n}", self._path(name))
            # Asked when the VF is added: drivers/pci/pci-driver.c pci_device_can_probe.
            if (self.read(f"{path}/sriov_drivers_autoprobe") or "1").strip() == "1":
                self._probe_one(name)
        self._attribute(bdf, "sriov_numvfs", str(count))

    def _add_vf(self, pf: str, name: str, ids: str) -> None:
        above = self._path(pf).rsplit("/", 1)[0]
        below = "/".join(above.split("/")[4:])
        klass = (self.read(f"{self._path(pf)}/class") or "").strip()
        self.natural[name] = self.vf_driver
        self.tree.mkdir(f"{_BUS}/drivers/{self.vf_driver}")
        path = self.tree.function(name, klass, ids, below=below, reset="flr")
        self.tree.link(f"{path}/physfn", self._path(pf))
        groups = [int(n) for n in self.reader.list("/sys/kernel/iommu_groups")]
        if groups:
            self.tree.member(path, max(groups) + 1)

    def _remove_vfs(self, pf: str) -> None:
        path = self._path(pf)
        for name in list(self.reader.list(path)):
            if name.startswith("virtfn"):
                vf = self.reader.realpath(f"{path}/{name}").rsplit("/", 1)[-1]
                self._remove(vf)
                os.unlink(f"{self.root}{path}/{name}")
        self._attribute(pf, "sriov_numvfs", "0")

    def _remove(self, bdf: str) -> None:
        path = self._path(bdf)
        driver = self.driver(bdf)
        if driver:
            os.unlink(f"{self.root}{_BUS}/drivers/{driver}/{bdf}")
        link = self.reader.readlink(f"{path}/iommu_group")
        if link:
            group = f"{self.root}/sys/kernel/iommu_groups/{link.rsplit('/', 1)[-1]}"
            shutil.rmtree(group)
        os.unlink(f"{self.root}{_BUS}/devices/{bdf}")
        shutil.rmtree(f"{self.root}{path}")
        self._forget_folders()

    # --- helpers -------------------------------------------------------------------------------

    def _forget_folders(self) -> None:
        """Folders were removed behind the builder's and the reader's back."""
        self.tree = TreeBuilder(self.root)
        self.reader = TreeReader(self.root)

    def _path(self, bdf: str) -> str:
        return self.reader.realpath(f"{_BUS}/devices/{bdf}")

    def _attribute(self, bdf: str, name: str, value: str) -> None:
        self.tree.write(f"{self._path(bdf)}/{name}", value + "\n")

    def _id(self, bdf: str) -> str:
        base = f"{_BUS}/devices/{bdf}"
        words = ((self.read(f"{base}/{n}") or "").strip() for n in ("vendor", "device"))
        return ":".join(word.removeprefix("0x") for word in words)

    def _is_bridge(self, bdf: str) -> bool:
        return (self.read(f"{_BUS}/devices/{bdf}/class") or "").startswith("0x0604")


def _plus(bdf: str, number: int) -> str:
    """The address ``number`` routing ids after ``bdf``: drivers/pci/iov.c pci_iov_virtfn_devfn."""
    domain, bus, rest = bdf.split(":")
    slot, function = rest.split(".")
    routing = (int(bus, 16) << 8) + (int(slot, 16) << 3) + int(function) + number
    return f"{domain}:{routing >> 8:02x}:{routing >> 3 & 31:02x}.{routing & 7}"
