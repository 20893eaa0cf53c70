"""Observing a host: one code path for a live machine, a tree and a capture."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from backends.bootloader.detect import observe_boot
from backends.bootloader.state import BootState
from backends.builtin import builtin_drivers, builtin_modules
from backends.groups import observe_groups
from backends.identity import Identity, observe_identity, system_name
from backends.initramfs import observe_initramfs
from backends.initramfs.state import InitramfsState
from backends.inverse import missing_folders
from backends.libvirt import LibvirtState, observe_libvirt
from backends.needs import Needs, observe_needs
from backends.pci import PciState, observe_pci
from backends.pci.ids import NameTable, observe_names
from backends.pci.iommu import IommuState, observe_iommu
from backends.pci.vf_settings import Settings, observe_ip, observe_vf_settings
from backends.pci.vfio_ids import VfioIds, observe_vfio_ids
from backends.reader import Reader
from backends.snapshot import SnapshotReader
from backends.topology.cpu import CpuState, observe_cpus
from backends.topology.hugepage_writers import Writer, observe_writers
from backends.topology.irq import IrqState, observe_irqs
from backends.topology.memory import MemoryState, observe_memory
from backends.topology.systemd import SystemdState, observe_systemd
from backends.topology.tuned import TunedState, observe_tuned
from backends.virtualisation import VirtState, observe_virtualisation
from reconciler import ownership
from reconciler.ownership import Owned
from specs.record import Record


class OwnPath(Record):
    """A file that reconcile may create: what is there now. ``content`` None: nothing."""

    content: bytes | None
    mode: int = 0o644
    missing_folders: tuple[str, ...] = ()


class HostState(Record):
    """Everything that any plan may depend on, observed once."""

    VOLATILE = frozenset({"names", "system"})

    identity: Identity
    pci: PciState
    pci_drivers: tuple[str, ...]
    vfio_builtin: bool
    builtin_drivers: frozenset[str]
    vfio_ids: tuple[VfioIds, ...]
    iommu: IommuState
    needs: Needs
    vf_settings: Settings
    ip_program: str
    cpu: CpuState
    memory: MemoryState
    irq: IrqState
    systemd: SystemdState
    tuned: TunedState
    hugepage_writers: tuple[Writer, ...]
    groups: frozenset[str]
    virt: VirtState
    boot: BootState
    initramfs: InitramfsState
    libvirt: LibvirtState
    own_files: Mapping[str, OwnPath]
    owned: Owned
    # Names are for people: no decision depends on them.
    names: NameTable
    system: str

    def file(self, path: str) -> OwnPath:
        """What is at a path that reconcile may own. Raises KeyError for any other path."""
        return self.own_files[path]


def observe(
    reader: Reader,
    own_paths: Iterable[str],
    loader: str = "auto",
    *,
    libvirt_uri: str = "none",
    ssh_connection: str | None = None,
    device_serials: bool = False,
    trial: bool = False,
) -> HostState:
    """Read everything; ``loader`` is the spec's word on the boot loader, ``ssh_connection`` the
    SSH_CONNECTION of whoever runs the tool (ssh(1)); ``device_serials`` has PCI functions asked for
    their serial numbers, which a spec may name; ``trial`` says that one is wanted.

    Raises NeedsRoot where something that must be known cannot be read.
    """
    reader = SnapshotReader(reader)
    owned = ownership.read(reader)
    boot = observe_boot(reader, loader, trial=trial or bool(owned.section("trial")))
    to_be_made = (source.path for source in boot.sources if source.content is None)
    paths = {*own_paths, *owned.section(ownership.FILES), *to_be_made}
    inside = [p.removeprefix("file:") for p in owned.section("initramfs") if p[:5] == "file:"]
    identity = observe_identity(reader)
    pci = observe_pci(reader, device_serials=device_serials)
    modules = builtin_modules(reader, identity.kernel)
    return HostState(
        identity=identity,
        pci=pci,
        pci_drivers=reader.list("/sys/bus/pci/drivers"),
        vfio_builtin="vfio_pci" in modules,
        builtin_drivers=builtin_drivers(reader, _drivers(pci, owned), modules),
        vfio_ids=observe_vfio_ids(reader),
        iommu=observe_iommu(reader, pci),
        needs=observe_needs(reader, pci, ssh_connection=ssh_connection),
        vf_settings=observe_vf_settings(reader, pci),
        ip_program=observe_ip(reader, pci),
        cpu=observe_cpus(reader),
        memory=observe_memory(reader),
        irq=observe_irqs(reader),
        systemd=observe_systemd(reader),
        tuned=observe_tuned(reader),
        hugepage_writers=observe_writers(reader),
        groups=observe_groups(reader),
        virt=observe_virtualisation(reader, identity.kernel),
        boot=boot,
        initramfs=observe_initramfs(reader, inside),
        libvirt=observe_libvirt(reader, libvirt_uri),
        own_files={path: _own_path(reader, path) for path in sorted(paths)},
        owned=owned,
        names=observe_names(reader, (f.id for f in pci)),
        system=system_name(reader),
    )


def _drivers(pci: PciState, owned: Owned) -> Iterator[str]:
    """The host's drivers of all functions; of those that were taken from it, the ones before."""
    yield from {f.driver for f in pci if f.driver is not None}
    yield from {str(kept["driver"]) for kept in owned.section("devices").values()}


def _own_path(reader: Reader, path: str) -> OwnPath:
    content = reader.read_bytes(path)
    if content is not None:
        stat = reader.stat(path)
        return OwnPath(content, stat.mode if stat else 0o644)
    return OwnPath(None, missing_folders=missing_folders(reader, path))
