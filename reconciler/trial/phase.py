"""Where a trial stands, from what is remembered and what runs."""

from __future__ import annotations

from enum import Enum

from backends.bootloader.trial.arguments import running_mark
from reconciler.context import Context
from reconciler.trial.record import armed


class Phase(Enum):
    """NONE → ARMED → RUNNING → confirmed (NONE again), or OVER."""

    NONE = "none"
    ARMED = "armed"  # in the boot that armed it
    RUNNING = "running"  # this is the trial boot
    OVER = "over"  # another boot came, with the old arguments, and nobody had confirmed


def phase(ctx: Context, ident: str = "") -> Phase:
    """The phase of the trial of that id; of whichever there is without one."""
    trial = armed(ctx.owned)
    if trial is None or (ident and trial.ident != ident):
        return Phase.NONE
    if running_mark(ctx.state.boot.running) == trial.ident:
        return Phase.RUNNING
    same_boot = trial.boot_id == ctx.state.identity.boot_id
    return Phase.ARMED if same_boot else Phase.OVER
