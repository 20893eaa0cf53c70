"""What watches over a trial boot: units that the trial entry itself pulls in, and nobody else.

``systemd.wants=`` on its command line adds them to the first transaction, whatever the target
(systemd-debug-generator(8)), also where that is emergency.target; the timer needs nothing that
could fail to start. A trial that was confirmed or taken back has no timer file any more, and the
deadline does nothing then, even for a systemd that still has the timer in memory.
"""

from __future__ import annotations

from backends.bootloader.in_place import same_but_header
from backends.bootloader.state import FileEdit, TrialState, TrialWish
from backends.topology.systemd import USUAL_PROGRAM, SystemdState

_FOLDER = "/etc/systemd/system"
TIMER = "reconcile-trial.timer"
CONFIRM = "reconcile-confirm.service"
_DEADLINE = "reconcile-trial.service"
PATHS = tuple(f"{_FOLDER}/{name}" for name in (TIMER, _DEADLINE, CONFIRM))
MARK = "reconcile.trial"

_TIMER_TEXT = """[Unit]
Description=The end of a trial boot that nobody confirms
ConditionKernelCommandLine={mark}
DefaultDependencies=no
IgnoreOnIsolate=yes

[Timer]
OnBootSec={minutes}min
AccuracySec=1s
"""
_DEADLINE_TEXT = """[Unit]
Description=Reboot into the old boot configuration: the trial was not confirmed
ConditionKernelCommandLine={mark}
ConditionPathExists={timer}
DefaultDependencies=no

[Service]
Type=oneshot
ExecStart=/bin/systemctl --no-block reboot
"""
_CONFIRM_TEXT = """[Unit]
Description=Confirm the trial boot once its checks pass
ConditionKernelCommandLine={mark}
DefaultDependencies=no
{gate}After=basic.target network-online.target multi-user.target boot-complete.target
After=systemd-bless-boot.service reconcile-resume.service libvirtd.service virtqemud.service
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=simple
ExecStart={program} --confirm --checked
"""
_GATE = "Requires=boot-complete.target\n"


def arguments(systemd: SystemdState, minutes: int) -> tuple[str, ...]:
    """The words by which the entry pulls the units in."""
    if not systemd.installed:
        return ()
    wanted = (TIMER, CONFIRM) if minutes else (CONFIRM,)
    return tuple(f"systemd.wants={unit}" for unit in wanted)


def edits(
    trial: TrialState, systemd: SystemdState, wish: TrialWish, minutes: int
) -> list[FileEdit]:
    """The units of a trial that goes back after ``minutes`` (0: never by itself)."""
    if not systemd.installed:
        return []
    gate = _GATE if systemd.gate else ""
    facts = {"mark": MARK, "timer": PATHS[0], "minutes": minutes, "gate": gate}
    facts["program"] = systemd.program or USUAL_PROGRAM
    texts = zip(PATHS, (_TIMER_TEXT, _DEADLINE_TEXT, _CONFIRM_TEXT), strict=True)
    found = []
    for path, text in texts:
        there = trial.source(path)
        after = (wish.header + text.format(**facts)).encode()
        if not same_but_header(there.content, after):
            owned = wish.owned_files.get(path)
            base = owned.before if owned else there.content
            found.append(FileEdit(path, there.content, base, after, 0o644))
    return found


def undo(trial: TrialState, wish: TrialWish) -> list[FileEdit]:
    """The units gone, or what stood there before them."""
    found = []
    for path in PATHS:
        owned, there = wish.owned_files.get(path), trial.source(path)
        if owned is not None and there.content != owned.before:
            mode = owned.before_mode
            found.append(FileEdit(path, there.content, owned.before, owned.before, mode))
    return found
