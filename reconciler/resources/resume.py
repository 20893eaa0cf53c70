"""``boot.resume``: a unit that goes on after the reboot, with what an apply had to leave for it."""

from __future__ import annotations

from backends import resume_unit
from reconciler.context import Context, FileWish, Result, Wishes
from reconciler.model import warn


class Resume:
    """Two files: the unit, and what pulls it in."""

    kind = "resume"
    order = 95
    own_paths = resume_unit.PATHS

    def wishes(self, ctx: Context) -> Wishes:
        """The files, where they are asked for and systemd is there to read them."""
        systemd = ctx.state.systemd
        if not (ctx.spec.boot.resume and systemd.installed):
            return Wishes()
        texts = resume_unit.units(systemd.program)
        files = (
            FileWish(path, (ctx.header + text).encode(), "boot.resume")
            for path, text in texts.items()
        )
        return Wishes(files=tuple(files))

    def plan(self, ctx: Context, wishes: Wishes) -> Result:
        """A warning where nothing would go on."""
        systemd = ctx.state.systemd
        if not ctx.spec.boot.resume or (systemd.installed and systemd.program):
            return Result()
        text = "no reconcile is where a unit of root's can start it"
        hint = "link it to /usr/local/bin/reconcile; or apply again after the reboot"
        if not systemd.installed:
            text, hint = "there is no systemd that could go on at boot", "apply again by hand"
        return Result(findings=(warn("resume-unwatched", "boot.resume", text, hint),))


RESOURCE = Resume()
