"""The unit that goes on at boot with what an apply had to leave for it (systemd.service(5))."""

from __future__ import annotations

from backends.topology.systemd import USUAL_PROGRAM

_UNIT = "reconcile-resume.service"
PATHS = (
    f"/etc/systemd/system/{_UNIT}",
    "/etc/systemd/system/multi-user.target.d/reconcile-resume.conf",
)
_TEXT = """[Unit]
Description=Go on with what reconcile had to leave for this boot
ConditionPathExists=/var/lib/reconcile/resume.json
After=local-fs.target systemd-modules-load.service systemd-udevd.service
After=libvirtd.service virtqemud.service

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=30min
ExecStart={program} --apply --resume
"""


def units(program: str) -> dict[str, str]:
    """The unit that goes on at boot, and the drop-in that pulls it in, by path."""
    unit = _TEXT.format(program=program or USUAL_PROGRAM)
    return dict(zip(PATHS, (unit, f"[Unit]\nWants={_UNIT}\n"), strict=True))
