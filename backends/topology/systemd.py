"""Where systemd keeps the host's processes: slices and the manager's affinity."""

from __future__ import annotations

from backends.formats.systemd_conf import merged_list
from backends.reader import CaptureError, NeedsRoot, Reader
from backends.topology.numa import parse_list, read_list
from specs.record import Record
from specs.values import CpuSet

CGROUPS = "/sys/fs/cgroup"
#: Units that hold the host's own processes; VMs live in machine.slice.
HOST_UNITS = ("init.scope", "system.slice", "user.slice")
UNITS = (*HOST_UNITS, "machine.slice")
#: Services that something here depends on.
SERVICES = ("irqbalance.service", "libvirtd.service", "virtqemud.service")
_HOMES = ("/usr/lib/systemd", "/lib/systemd")
# What a unit of root's may start: places that only root writes to.
_PROGRAMS = (
    "/usr/local/bin/reconcile",
    "/usr/bin/reconcile",
    "/opt/reconcile/bin/reconcile",
    "/root/.local/bin/reconcile",
)
USUAL_PROGRAM = _PROGRAMS[0]
# systemd.unit(5), "System Unit Search Path", highest priority first.
_FOLDERS = (
    "/etc/systemd/system.control",
    "/run/systemd/system.control",
    "/run/systemd/transient",
    "/run/systemd/generator.early",
    "/etc/systemd/system",
    "/run/systemd/system",
    "/run/systemd/generator",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
)
# systemd-system.conf(5); drop-ins of the same name hide each other in this order.
_MANAGER_FOLDERS = (
    "/etc/systemd/system.conf.d",
    "/run/systemd/system.conf.d",
    "/usr/local/lib/systemd/system.conf.d",
    "/usr/lib/systemd/system.conf.d",
)


class Setting(Record):
    """A file that sets something, and the CPUs that it sets."""

    path: str
    cpus: CpuSet


class Slice(Record):
    """AllowedCPUs= of one slice or scope. ``configured`` is what all files together say (None:
    nothing), ``files`` which ones say it; ``running`` is cpuset.cpus of its cgroup (None: the
    controller is off there, so it may use every CPU)."""

    unit: str
    configured: CpuSet | None
    files: tuple[Setting, ...]
    running: CpuSet | None


class SystemdState(Record):
    """``booted``: systemd is the service manager (sd_booted(3)), ``installed``: it will be;
    ``gate``: it has boot-complete.target; ``program``: where root's units find reconcile, or empty;
    ``cpuset``: cgroup v2 offers
    the cpuset controller, without which AllowedCPUs= does nothing; ``manager_affinity`` are the
    files with CPUAffinity= for everything that systemd starts; ``running`` those of SERVICES
    that have processes."""

    VOLATILE = frozenset({"running"})

    booted: bool
    installed: bool
    gate: bool
    program: str
    cpuset: bool
    slices: tuple[Slice, ...]
    manager_affinity: tuple[Setting, ...]
    running: frozenset[str]

    def slice(self, unit: str) -> Slice | None:
        """The state of one slice or scope."""
        return next((s for s in self.slices if s.unit == unit), None)


def observe_systemd(reader: Reader) -> SystemdState:
    """Read drop-ins, the manager's configuration and cgroupfs; no program is asked."""
    controllers = reader.read_text(f"{CGROUPS}/cgroup.controllers") or ""
    return SystemdState(
        booted=reader.exists("/run/systemd/system"),
        installed=any(reader.exists(f"{folder}/systemd") for folder in _HOMES),
        gate=any(reader.exists(f"{folder}/system/boot-complete.target") for folder in _HOMES),
        program=next((path for path in _PROGRAMS if _is_there(reader, path)), ""),
        cpuset="cpuset" in controllers.split(),
        slices=tuple(_slice(reader, unit) for unit in UNITS),
        manager_affinity=_manager_affinity(reader),
        running=frozenset(s for s in SERVICES if _runs(reader, s)),
    )


def _is_there(reader: Reader, path: str) -> bool:
    """Whether the program is there; who may not look into root's home plans all the same."""
    try:
        return reader.exists(path)
    except (NeedsRoot, CaptureError):
        return False


def _runs(reader: Reader, service: str) -> bool:
    """Whether the service's cgroup has processes, in the unified or in systemd's own hierarchy."""
    places = (CGROUPS, f"{CGROUPS}/unified", f"{CGROUPS}/systemd")
    paths = (f"{place}/system.slice/{service}/cgroup.procs" for place in places)
    return any((reader.read_text(path) or "").strip() for path in paths)


def _slice(reader: Reader, unit: str) -> Slice:
    texts = [(path, reader.read_text(path) or "") for path in _unit_files(reader, unit)]
    section = "Slice" if unit.endswith(".slice") else "Scope"
    words = merged_list((text for _, text in texts), section, "AllowedCPUs")
    said = ((path, merged_list((text,), section, "AllowedCPUs")) for path, text in texts)
    return Slice(
        unit=unit,
        configured=_cpus(words) if words else None,
        files=tuple(Setting(path, _cpus(own)) for path, own in said if own),
        running=read_list(reader, f"{CGROUPS}/{unit}/cpuset.cpus") or None,
    )


def _cpus(words: list[str]) -> CpuSet:
    """CPUs of a list setting; a word that is no CPU list is skipped, as systemd skips it."""
    found: set[int] = set()
    for word in words:
        try:
            found.update(parse_list(word))
        except ValueError:
            continue
    return CpuSet(found)


def _unit_files(reader: Reader, unit: str) -> list[str]:
    """The unit's file and its drop-ins in the order they are read (systemd.unit(5))."""
    main = next((p for f in _FOLDERS if reader.exists(p := f"{f}/{unit}")), None)
    suffix = unit.rpartition(".")[2]
    folders = [f"{folder}/{name}.d" for name in (unit, suffix) for folder in _FOLDERS]
    return [*([main] if main else []), *_drop_ins(reader, folders)]


def _drop_ins(reader: Reader, folders: list[str]) -> list[str]:
    """``*.conf`` sorted by name; the first folder that has a name hides it in later ones."""
    found: dict[str, str] = {}
    for folder in folders:
        for name in reader.list(folder):
            if name.endswith(".conf"):
                found.setdefault(name, f"{folder}/{name}")
    return [found[name] for name in sorted(found)]


def _manager_affinity(reader: Reader) -> tuple[Setting, ...]:
    paths = ["/etc/systemd/system.conf", *_drop_ins(reader, list(_MANAGER_FOLDERS))]
    said = ((p, merged_list((reader.read_text(p) or "",), "Manager", "CPUAffinity")) for p in paths)
    return tuple(Setting(path, _cpus(words)) for path, words in said if words)
