"""What is wanted of a domain, in libvirt's own words; None or empty means "not declared"."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Hostdev:
    """A PCI function for the guest. ``managed``: yes, no, or any (leave what is there). Functions
    of one ``card`` become functions of one device in the guest."""

    address: str
    managed: str = "any"
    rom: str | None = None
    rom_bar: bool | None = None
    card: str | None = None


@dataclass(frozen=True, slots=True)
class Shmem:
    """A shared memory device (Looking Glass). ``size`` such as ``32M``."""

    name: str
    size: str
    model: str = "ivshmem-plain"


@dataclass(frozen=True, slots=True)
class Evdev:
    """A host input device for the guest, by its /dev/input path."""

    dev: str
    grab: str | None = None
    repeat: str | None = None
    grab_toggle: str | None = None


@dataclass(frozen=True, slots=True)
class Topology:
    """Guest CPU topology; the product is the maximum number of vCPUs."""

    sockets: int
    cores: int
    threads: int
    dies: int = 1


@dataclass(frozen=True, slots=True)
class Wanted:
    """Every property that reconcile can own. CPU sets and sizes are canonical text."""

    hostdevs: tuple[Hostdev, ...] = ()
    vcpu: int | None = None
    topology: Topology | None = None
    vcpupin: tuple[str, ...] | None = None
    emulatorpin: str | None = None
    iothreads: int | None = None
    iothreadpin: tuple[str, ...] | None = None
    memory: str | None = None
    hugepages: str | None = None
    locked: bool | None = None
    nosharepages: bool | None = None
    source: str | None = None
    access: str | None = None
    allocation: str | None = None
    numatune: tuple[str, str] | None = None  # mode, nodeset
    kvm_hidden: bool | None = None
    vendor_id: str | None = None
    memballoon: str | None = None
    scsi: dict[int, dict[str, str]] = field(default_factory=dict)
    shmem: tuple[Shmem, ...] = ()
    evdev: tuple[Evdev, ...] = ()
    discard: str | None = None

    def properties(self) -> dict[str, str]:
        """Property key to wanted value, in the order in which they are to be set."""
        return {**self._machine(), **self._memory(), **self._devices()}

    def _machine(self) -> dict[str, str]:
        return _declared(
            {
                "vcpu": self.vcpu,
                "topology": None if self.topology is None else _topology(self.topology),
                "iothreads": self.iothreads,
                "vcpupin": _numbered(self.vcpupin, 0),
                "emulatorpin": self.emulatorpin,
                "iothreadpin": _numbered(self.iothreadpin, 1),
                "kvm.hidden": _state(self.kvm_hidden),
                "hyperv.vendor_id": self.vendor_id,
            }
        )

    def _memory(self) -> dict[str, str]:
        mode, nodeset = self.numatune or (None, None)
        return _declared(
            {
                "memory": self.memory,
                "hugepages": self.hugepages,
                "locked": _yes(self.locked),
                "nosharepages": _yes(self.nosharepages),
                "source": self.source,
                "access": self.access,
                "allocation": self.allocation,
                "numatune": None if mode is None else f"mode={mode} nodeset={nodeset}",
            }
        )

    def _devices(self) -> dict[str, str]:
        out: dict[str, str | int | None] = {"memballoon": self.memballoon}
        for index, words in self.scsi.items():
            out[f"scsi[{index}]"] = _words({"model": "virtio-scsi", **words})
        for device in self.hostdevs:
            out[f"hostdev[{device.address}]"] = f"managed={device.managed}"
            out[f"rom.file[{device.address}]"] = device.rom
            out[f"rom.bar[{device.address}]"] = _state(device.rom_bar)
        for card in dict.fromkeys(d.card for d in self.hostdevs if d.card):
            parts = [d.address for d in self.hostdevs if d.card == card]
            out[f"card[{card}]"] = " ".join(f"{address}={n}" for n, address in enumerate(parts))
        for area in self.shmem:
            out[f"shmem[{area.name}]"] = f"model={area.model} size={area.size}"
        for source in self.evdev:
            out[f"evdev[{source.dev}]"] = _words(
                {"grab": source.grab, "repeat": source.repeat, "grabToggle": source.grab_toggle}
            )
        out["discard"] = self.discard
        return _declared(out)


def _declared(values: dict[str, str | int | None]) -> dict[str, str]:
    return {key: str(value) for key, value in values.items() if value is not None}


def _words(values: dict[str, str | None] | dict[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in values.items() if value is not None)


def _numbered(pins: tuple[str, ...] | None, first: int) -> str | None:
    if pins is None:
        return None
    return " ".join(f"{number}={cpus}" for number, cpus in enumerate(pins, first))


def _topology(t: Topology) -> str:
    return f"sockets={t.sockets} dies={t.dies} cores={t.cores} threads={t.threads}"


def _yes(flag: bool | None) -> str | None:
    return None if flag is None else ("yes" if flag else "no")


def _state(flag: bool | None) -> str | None:
    return None if flag is None else ("on" if flag else "off")
