"""What the command line of a trial has besides: its mark, and an end for boots that go wrong.

Each takes the last place, so that it wins over an earlier value of the same name.
Sources: Documentation/admin-guide/kernel-parameters.rst, kernel-command-line(7), systemd(1),
dracut.cmdline(7), initramfs-tools(7) (with panic= it reboots instead of opening a shell).
"""

from __future__ import annotations

from backends.bootloader.trial.units import MARK
from backends.formats.cmdline import matching, value_of

_SAFETY = (
    "panic=10",  # seconds after a panic until the kernel reboots; else it stands there for ever
    "oops=panic",  # an oops while booting leaves a kernel in which nothing can be trusted
    "softlockup_panic=1",  # a CPU that schedules nothing for 20 s
    "nmi_watchdog=panic",  # a CPU that takes no interrupts, where the machine can tell
    "systemd.watchdog_sec=180",  # a hardware watchdog, where there is one, resets a hung PID 1
    "systemd.crash_reboot=1",  # a PID 1 that cannot go on reboots instead of standing there
    "rd.shell=0",  # dracut: no shell that waits for somebody,
    "rd.emergency=reboot",  # but a reboot,
    "rd.timeout=300",  # when the root device has not come within five minutes
)


def mark(ident: str) -> str:
    """The word that tells a trial boot, and which: the kernel takes it for an unloaded module's."""
    return f"{MARK}={ident}"


def running_mark(words: tuple[str, ...]) -> str:
    """The id of the trial that a command line belongs to; empty for none."""
    found = matching(words, MARK)
    return (value_of(found[-1]) or "") if found else ""


def safety() -> tuple[str, ...]:
    """The words that end a boot which cannot go on."""
    return _SAFETY
