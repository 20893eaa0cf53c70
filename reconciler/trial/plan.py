"""What a plan has of a trial: the change that arms one, and the one that takes it away."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backends.bootloader.state import (
    BootEdit,
    BootProblem,
    BootWish,
    FileEdit,
    TrialEdit,
    TrialWish,
)
from backends.bootloader.trial import backend, units
from backends.bootloader.trial.arguments import mark, safety
from backends.bootloader.wishes import retired, spelled
from backends.formats.cmdline import MAX_BYTES, excess_bytes, join
from backends.steps import Step
from reconciler.boot_files import claim_of, steps_of
from reconciler.context import BOOT_GROUP, Context, Result
from reconciler.digest import digest
from reconciler.model import (
    GONE,
    Change,
    Claim,
    Effective,
    Finding,
    Pending,
    finding_of,
    note,
    refuse,
    warn,
)
from reconciler.observe import HostState
from reconciler.trial.phase import Phase, phase
from reconciler.trial.record import FILES, Armed, armed, claim

ID = "trial"
_KEEP = "reconcile --confirm"


def tried(ctx: Context, wish: BootWish, change: BootEdit, because: str) -> Result:
    """Instead of changing what every boot has: one boot with it. Everything else that acts before
    the root file system is there waits for the confirmation."""
    state = ctx.state.boot
    trial = backend(state)
    if trial is None or state.tried.obstacle is not None:
        problem = state.tried.obstacle or BootProblem("trial-unsupported", "")
        return Result(findings=(finding_of(problem),), held=BOOT_GROUP)
    ident = _ident(wish, change)
    here = phase(ctx, ident)
    if here is Phase.RUNNING:
        return Result(
            findings=(_running(ctx),),
            pending=(_unconfirmed(ctx),),
            held=BOOT_GROUP,
            until=Effective.NOW,  # by a confirmation; a reboot would end the trial
        )
    if here is Phase.OVER and not ctx.again:
        return Result(findings=(_failed(ctx),), held=BOOT_GROUP)
    asked = _asked(ctx, wish, change, ident)
    edit = trial.edit(state, asked)
    if edit.choose and ctx.tree:
        return Result(findings=(_firmware(),), held=BOOT_GROUP)
    if edit.problems:
        return Result(findings=tuple(map(finding_of, edit.problems)), held=BOOT_GROUP)
    watch = units.edits(state.tried, ctx.state.systemd, asked, ctx.spec.boot.trial_minutes)
    findings = (*_unwatched(ctx), *_too_long(edit))
    files = (*watch, *edit.files)
    if here is Phase.ARMED and not (files or edit.choose):
        return Result(findings=(*findings, _armed(ctx)), pending=(_once(edit),), held=BOOT_GROUP)
    arming = _arming(ctx, asked, files, edit, _remembered(ctx, ident), because)
    return Result(changes=(arming,), findings=findings, held=BOOT_GROUP)


def ended(ctx: Context) -> Result:
    """A trial that is confirmed, or wanted no longer, goes: its entry, its units, its choice."""
    there = armed(ctx.owned)
    if there is None:
        return Result()
    state, owned = ctx.state.boot, ctx.owned.files(FILES)
    trial = backend(state)
    wish = TrialWish((), owned_files=owned)
    edit = trial.undo(state, wish) if trial else TrialEdit()
    files = (*edit.files, *units.undo(state.tried, wish))
    return Result(changes=(_ending(ctx, files, edit),))


def back(state: HostState) -> dict[str, tuple[Step, ...]]:
    """For each file of the trial that is there what takes it back now, whatever GRUB, systemd-boot
    and others made of it since; for a file that needs nothing, no step."""
    owned = state.owned.files(FILES)
    trial = backend(state.boot) if armed(state.owned) else None
    if trial is None:
        return {}
    wish = TrialWish((), owned_files=owned)
    edit = trial.undo(state.boot, wish)
    files = (*edit.files, *units.undo(state.boot.tried, wish))
    found: dict[str, tuple[Step, ...]] = dict.fromkeys(owned, ())
    return found | {file.path: steps_of([file], owned) for file in files}


def _ident(wish: BootWish, change: BootEdit) -> str:
    """Equal for equal arguments: a spec that wants the same again is the same trial."""
    return digest([change.added, wish.absent, retired(wish)]).removeprefix("sha256:")[:12]


def _asked(ctx: Context, wish: BootWish, change: BootEdit, ident: str) -> TrialWish:
    stays = {a for args in wish.kept.values() for a in args}
    words = units.arguments(ctx.state.systemd, ctx.spec.boot.trial_minutes)
    return TrialWish(
        add=(*change.added, *safety(), *words, mark(ident)),
        remove=tuple(spelled(a for a in wish.owned if a not in stays)),
        absent=wish.absent,
        header=ctx.header,
        owned_files=ctx.owned.files(FILES),
    )


def _remembered(ctx: Context, ident: str) -> Armed:
    spec = ctx.spec.model_dump(mode="json", exclude_unset=True, by_alias=True)
    return Armed(
        ident=ident,
        boot_id=ctx.state.identity.boot_id,
        routed=ctx.state.boot.tried.routed,
        writable=ctx.state.boot.tried.writable,
        spec={**spec, "vm": []},  # domains have no part in what boots
        spec_path=ctx.spec_path,
        spec_digest=ctx.spec_digest,
        base_dir=ctx.base_dir,
    )


def _arming(
    ctx: Context,
    asked: TrialWish,
    files: Sequence[FileEdit],
    edit: TrialEdit,
    remembered: Armed,
    because: str,
) -> Change:
    """The choice comes last: killed before it, nothing is armed."""
    owned = ctx.owned.files(FILES)
    missing = ctx.state.boot.tried.missing_folders
    return Change(
        id=ID,
        kind="bootloader",
        object="trial",
        field="next boot",
        before=None,
        after=join(edit.args),
        because=because,
        steps=(*steps_of(files, owned), *edit.choose),
        effective=Effective.REBOOT,
        claims=(
            claim(remembered),
            *(claim_of(file, owned, missing(file.path), FILES) for file in files),
        ),
        details=tuple(("+", arg, "") for arg in asked.add),
    )


def _ending(ctx: Context, files: Sequence[FileEdit], edit: TrialEdit) -> Change:
    """After the new configuration is permanent, where that is what ends it."""
    owned = ctx.owned.files(FILES)
    return Change(
        id=ID,
        kind="bootloader",
        object="trial",
        field="next boot",
        before="the trial entry" if ctx.state.boot.tried.entry else "a trial that is over",
        after=None,
        because="confirmed" if ctx.confirming else GONE,
        steps=(*edit.choose, *steps_of(files, owned)),
        requires=frozenset({"kernel-args", "bootloader"}),
        claims=(*(Claim(FILES, path, None) for path in owned), claim(None)),
    )


def _too_long(edit: TrialEdit) -> Iterator[Finding]:
    excess = excess_bytes(join(edit.args))
    if excess:
        text = f"the trial's command line is {excess} bytes longer than the {MAX_BYTES} it may have"
        yield refuse("kernel-args-too-long", "boot.kernel_args", text, "use fewer arguments")


def _firmware() -> Finding:
    text = "the firmware has to be told which entry to start once, and a tree has none"
    return refuse("trial-unsupported", "boot.trial", text, "apply it on the running host")


def _unwatched(ctx: Context) -> Iterator[Finding]:
    systemd = ctx.state.systemd
    if not systemd.installed:
        text = "without systemd nothing confirms the trial by itself, or ends it in time"
        yield warn("trial-unwatched", "boot.trial", text, f"in the trial boot: {_KEEP}")
    elif not systemd.program:
        text = "no reconcile is where a unit of root's can start it: the trial will not confirm"
        hint = f"link it to /usr/local/bin/reconcile; or, in the trial boot: {_KEEP}"
        yield warn("trial-unwatched", "boot.trial", f"{text} itself", hint)


def _armed(ctx: Context) -> Finding:
    text = "the next boot tries the new arguments once; the boot after it is the old one"
    return note("trial-armed", "boot.trial", text, f"in the trial boot: {_KEEP}")


def _running(ctx: Context) -> Finding:
    minutes = ctx.spec.boot.trial_minutes
    end = f"{minutes} minutes after it began it reboots" if minutes else "the next boot goes back"
    text = f"this is the trial boot: without a confirmation {end} into the old configuration"
    return note("trial-running", "boot.trial", text, f"to keep it: {_KEEP}")


def _failed(ctx: Context) -> Finding:
    state = ctx.state.boot
    if state.tried.chosen and state.tried.entry:
        why = "this kernel was started without it (kexec, or a choice that cannot be cleared)"
    else:
        why = "the host came back with the old arguments, and nobody had confirmed it"
    return refuse(
        "trial-failed",
        "boot.trial",
        f"a trial of these arguments is over: {why}",
        "see that boot's log (journalctl -b -1); then change the arguments, or try these once "
        "more: reconcile --apply --again",
    )


def _once(edit: TrialEdit) -> Pending:
    return Pending("trial", f"once: {join(edit.args)}", "armed", Effective.REBOOT)


def _unconfirmed(ctx: Context) -> Pending:
    configured = ctx.state.boot.configured
    old = "the old arguments" if configured is None else join(configured)
    running = f"unconfirmed: {join(ctx.state.boot.running)}"
    return Pending("trial", old, running, Effective.NOW)
