"""``[limits]``: locked memory for QEMU that libvirt's system daemon does not start."""

from __future__ import annotations

from reconciler.context import Context, FileWish, Result, Wishes
from reconciler.model import Effective, note, warn

PATH = "/etc/security/limits.d/reconcile.conf"
_GROUP = "kvm"


class Limits:
    """A limits.d file (limits.conf(5)); PAM gives it to every new session."""

    kind = "limits"
    order = 55
    own_paths: tuple[str, ...] = (PATH,)

    def wishes(self, ctx: Context) -> Wishes:
        """The file, when a limit is declared."""
        memlock = ctx.spec.limits.memlock
        if memlock is None:
            return Wishes()
        value = memlock if isinstance(memlock, str) else str(memlock.kib)
        # "-" sets the soft and the hard limit; memlock counts in KiB.
        content = f"{ctx.header}@{_GROUP} - memlock {value}\n".encode()
        wish = FileWish(PATH, content, "limits.memlock", effective=Effective.NOW)
        return Wishes(files=(wish,))

    def plan(self, ctx: Context, wishes: Wishes) -> Result:
        """What the file reaches, and what libvirt does by itself."""
        if ctx.spec.limits.memlock is None:
            return Result()
        reach = note(
            "memlock-libvirt",
            "limits.memlock",
            "libvirt's system daemon raises the limit of its own VMs as their devices need it "
            "and reads no limits.d file; this limit is for QEMU in login sessions of the group "
            "kvm (qemu:///session, QEMU by hand), from their next login on",
        )
        if ctx.state.groups and _GROUP not in ctx.state.groups:
            message = f"there is no local group {_GROUP}: the limit reaches nobody"
            hint = "install QEMU's system emulator, whose package makes the group"
            return Result(
                findings=(reach, warn("memlock-no-group", "limits.memlock", message, hint))
            )
        return Result(findings=(reach,))


RESOURCE = Limits()
