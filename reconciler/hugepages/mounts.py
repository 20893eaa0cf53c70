"""A hugetlbfs mount for each declared page size that has none (libvirt: qemu.conf,
hugetlbfs_mount). systemd mounts /dev/hugepages with the default size only."""

from __future__ import annotations

from backends.steps import Run, Step
from backends.topology.memory import MemoryState
from reconciler.budget.pages import default_kib, targets
from reconciler.context import Context, FileWish, Result, change_id
from reconciler.model import GONE, Change, Effective, Unchanged
from reconciler.ownership import FILES
from specs.record import replace
from specs.values import PageSize

_FOLDER = "/dev/reconcile"
_UNITS = "/etc/systemd/system"
_WANTS = f"{_UNITS}/local-fs.target.d/reconcile-hugepages.conf"
# 64 KiB to 16 GiB: every huge page size of the architectures that run KVM.
_SIZES = tuple(PageSize.from_kib(64 << shift) for shift in range(19))
_LIBVIRT = ("libvirtd.service", "virtqemud.service")


def _where(size: PageSize) -> str:
    return f"{_FOLDER}/hugepages{size}"


def _unit(size: PageSize) -> str:
    return f"dev-reconcile-hugepages{size}.mount"


PATHS = (_WANTS, *(f"{_UNITS}/{_unit(size)}" for size in _SIZES))


def _needed(ctx: Context) -> tuple[PageSize, ...]:
    """Declared sizes that no mount of somebody else hands out after the next boot.

    /dev/hugepages follows the default size, so it is judged by what that will be.
    """
    memory, table = ctx.state.memory, ctx.spec.hugepages
    if not table.pages:
        return ()
    foreign = {
        m.size_kib
        for m in memory.mounts
        if not m.path.startswith(f"{_FOLDER}/") and m.path != "/dev/hugepages"
    }
    plain = any(m.path == "/dev/hugepages" for m in memory.mounts)
    covered = foreign | ({default_kib(table, memory)} if plain or not _live(ctx) else set())
    sizes = dict.fromkeys(t.size for t in targets(table) if t.count)
    return tuple(size for size in sizes if size.kib not in covered)


def _live(ctx: Context) -> bool:
    return ctx.state.systemd.booted


def wishes(ctx: Context) -> tuple[FileWish, ...]:
    """A mount unit a size, and the drop-in that makes local-fs.target want them: no link has to
    be made, and taking the files away is all that undoes it."""
    sizes = _needed(ctx)
    if not sizes:
        return ()
    because = "hugepages.pages"
    units = [
        FileWish(f"{_UNITS}/{_unit(s)}", _content(ctx, s), because, effective=Effective.NOW)
        for s in sizes
    ]
    names = " ".join(_unit(size) for size in sizes)
    drop_in = f"{ctx.header}[Unit]\nWants={names}\n".encode()
    return (*units, FileWish(_WANTS, drop_in, because, effective=Effective.NOW))


def _content(ctx: Context, size: PageSize) -> bytes:
    before = " ".join(_LIBVIRT)
    return (
        f"{ctx.header}[Unit]\nDescription=Huge pages of {size} for virtual machines\n"
        f"DefaultDependencies=no\nBefore=local-fs.target umount.target {before}\n"
        "Conflicts=umount.target\n"
        f"ConditionPathExists=/sys/kernel/mm/hugepages/hugepages-{size.kib}kB\n\n"
        f"[Mount]\nWhat=hugetlbfs\nWhere={_where(size)}\nType=hugetlbfs\n"
        f"Options=pagesize={size}\n"
    ).encode()


def plan(ctx: Context) -> Result:
    """Mount now what is wanted and not there; unmount what is ours and no longer wanted."""
    if not _live(ctx):
        return Result()
    needed = _needed(ctx)
    mounted = _ours(ctx.state.memory)
    changes, same = [], []
    for size in needed:
        if size in mounted:
            same.append(Unchanged(_where(size), "is mounted", "hugepages.pages"))
        elif size.kib in ctx.state.memory.sizes_kib:
            changes.append(_mount(ctx, size))
    gone = [size for size in mounted if size not in needed and _owned(ctx, size)]
    return Result(changes=(*changes, *map(_unmount, gone)), unchanged=tuple(same))


def _ours(memory: MemoryState) -> tuple[PageSize, ...]:
    paths = {m.path for m in memory.mounts}
    return tuple(size for size in _SIZES if _where(size) in paths)


def _owned(ctx: Context, size: PageSize) -> bool:
    return f"{_UNITS}/{_unit(size)}" in ctx.owned.section(FILES)


def _mount(ctx: Context, size: PageSize) -> Change:
    """libvirt looks for mounts when its daemon starts; VMs run on while that restarts."""
    libvirt = tuple(unit for unit in _LIBVIRT if unit in ctx.state.systemd.running)
    restart = Run(("systemctl", "try-restart", *libvirt), timeout=120.0)
    unit = _unit(size)
    change = _mounted(
        size,
        True,
        Run(("systemctl", "daemon-reload"), timeout=120.0, regenerates=True),
        Run(("systemctl", "start", unit), timeout=120.0, undo=("systemctl", "stop", unit)),
        *((restart,) if libvirt else ()),
    )
    files = (change_id(f"{_UNITS}/{unit}"), change_id(_WANTS))
    return replace(change, requires=frozenset(files))


def _unmount(size: PageSize) -> Change:
    unit = _unit(size)
    stop = Run(("systemctl", "stop", unit), timeout=120.0, undo=("systemctl", "start", unit))
    return _mounted(size, False, stop)


def _mounted(size: PageSize, after: bool, *steps: Step) -> Change:
    return Change(
        id=f"mount:{_where(size)}",
        kind="hugepages",
        object=_where(size),
        field="mounted",
        before=not after,
        after=after,
        because="hugepages.pages" if after else GONE,
        steps=steps,
    )
