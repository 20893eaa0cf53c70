"""The one owner of kernel arguments: every wish is merged here and given to the boot loader."""

from __future__ import annotations

from collections.abc import Sequence

from backends.bootloader import backend
from backends.bootloader.state import BootEdit, BootProblem, BootState, BootWish
from backends.bootloader.wishes import absent_in, retired
from backends.formats.cmdline import (
    MAX_BYTES,
    edit,
    excess_bytes,
    has,
    hugepage_words,
    join,
    matching,
    same,
    same_name,
    tokens,
    value_of,
)
from backends.formats.kernel_arg import check_arg
from reconciler import trial
from reconciler.boot_files import claim_of, steps_of
from reconciler.context import BOOT_GROUP, ArgWish, Context, Result, Wishes
from reconciler.kernel_args import contradictions, foreign
from reconciler.lines import difference
from reconciler.model import (
    GONE,
    Change,
    Claim,
    Effective,
    Finding,
    Pending,
    Unchanged,
    finding_of,
    refuse,
)
from reconciler.ownership import BOOT_FILES
from specs.record import replace

SECTION = "kernel-args"


class Boot:
    """Kernel arguments on every normal entry of the boot loader."""

    kind = "kernel-args"
    order = 90
    own_paths: tuple[str, ...] = ()

    def wishes(self, ctx: Context) -> Wishes:
        """The user's own arguments come after all derived ones."""
        args = ctx.spec.boot.kernel_args
        return Wishes(
            args=tuple(ArgWish(str(a), f"boot.kernel_args[{i}]") for i, a in enumerate(args))
        )

    def plan(self, ctx: Context, wishes: Wishes) -> Result:
        """One change for all arguments and the regeneration that they need."""
        args = merge(wishes.args)
        owned = tuple(ctx.owned.get(SECTION, "args") or ())
        absent = tuple(str(a) for a in ctx.spec.boot.absent_kernel_args)
        if findings := [*_forbidden(args, absent), *contradictions.findings(args, absent)]:
            return Result(findings=tuple(findings))
        state = ctx.state.boot
        wanted = bool(args or owned or absent or ctx.owned.section(BOOT_FILES))
        untrue = ctx.spec.boot.loader != "auto" and not state.found
        if stops := _stops(state, args) if wanted or untrue else ():
            return Result(findings=stops)
        if not wanted:
            return replace(trial.ended(ctx), pending=_retired(ctx))
        wish = BootWish(
            args=tuple(a.arg for a in args),
            absent=absent,
            owned=owned,
            owned_files=ctx.owned.files(BOOT_FILES),
            header=ctx.header,
            kept={k: tuple(v) for k, v in (ctx.owned.get(SECTION, "kept") or {}).items()},
        )
        wish = replace(wish, absent=_of_others(wish, _written(state)))
        change = backend(state.loader).edit(state, wish)
        findings += [finding_of(p) for p in (*state.problems, *change.problems)]
        findings += _too_long(state, change)
        findings += foreign.findings(state, wish, change, args)
        if change.needed and ctx.spec.boot.trial and not ctx.confirming:
            unwanted = _unwanted(_written(state), wish)
            tried = trial.tried(ctx, wish, change, _because(args, wish, change, unwanted))
            return replace(
                tried,
                findings=(*findings, *tried.findings),
                pending=(*_pending(state, wish, change, absent), *tried.pending),
            )
        ended = trial.ended(ctx)
        return Result(
            changes=(*_changes(ctx, args, wish, change), *ended.changes),
            findings=(*findings, *ended.findings),
            pending=_pending(state, wish, change, absent) or _retired(ctx),
            unchanged=() if change.needed else _unchanged(args),
        )


RESOURCE = Boot()


def merge(wishes: Sequence[ArgWish]) -> tuple[ArgWish, ...]:
    """All wishes in order; a repeat of the same argument is dropped, except within the hugepages
    block, where repeats mean something and order is everything."""
    kept: list[ArgWish] = []
    for wish in wishes:
        block = bool(hugepage_words([wish.arg]))
        if block or not any(same(wish.arg, k.arg) for k in kept):
            kept.append(wish)
    return tuple(kept)


def _forbidden(args: Sequence[ArgWish], absent: Sequence[str]) -> list[Finding]:
    pairs = [(a.arg, a.places[0]) for a in args]
    pairs += [(a, f"boot.absent_kernel_args[{i}]") for i, a in enumerate(absent)]
    return [
        refuse("kernel-arg-forbidden", where, problem, "take it out of the spec")
        for arg, where in pairs
        if (problem := check_arg(arg))
    ]


def _stops(state: BootState, args: Sequence[ArgWish]) -> tuple[Finding, ...]:
    """Why the boot configuration of this host cannot be managed."""
    return tuple(finding_of(_with_arguments(p, args)) for p in state.problems if p.refuse)


def _with_arguments(problem: BootProblem, args: Sequence[ArgWish]) -> BootProblem:
    """Where another tool has to do it: its command with the arguments in their place."""
    line = join(a.arg for a in args) or "the arguments"
    return replace(problem, hint=problem.hint.replace("ARGS", line))


def _too_long(state: BootState, change: BootEdit) -> list[Finding]:
    lines = [join((*e.args, *change.added)) for e in state.normal()] if change.added else []
    excess = max((excess_bytes(line) for line in lines), default=0)
    if not excess:
        return []
    message = (
        f"the kernel command line would be {excess} bytes longer than the {MAX_BYTES} it keeps"
    )
    return [refuse("kernel-args-too-long", "boot.kernel_args", message, "use fewer arguments")]


def _changes(
    ctx: Context, args: Sequence[ArgWish], wish: BootWish, change: BootEdit
) -> tuple[Change, ...]:
    claims = _claims(ctx, wish, change)
    if not change.needed and ctx.owned.with_claims(claims) == ctx.owned:
        return ()
    state = ctx.state.boot
    unwanted = _unwanted(_written(state), wish)
    stale = change.needed and not change.files
    return (
        Change(
            id="bootloader" if stale else "kernel-args",
            kind="bootloader" if stale else "kernel-args",
            object=state.loader if stale else "kernel-args",
            field="entries" if stale else "args",
            before=change.why_stale if stale else _configured(state),
            after="every entry as wanted" if stale else join(expected(state, wish, change)),
            because=_because(args, wish, change, unwanted),
            steps=(*steps_of(change.files, wish.owned_files), *change.regenerate),
            effective=Effective.REBOOT,
            requires=frozenset({"initramfs"}),  # the order that a killed run survives best
            group=BOOT_GROUP,
            claims=claims,
            details=_details(args, wish, change, unwanted) or _lines(change),
        ),
    )


def _because(
    args: Sequence[ArgWish], wish: BootWish, change: BootEdit, unwanted: Sequence[str]
) -> str:
    """The spec paths behind what is new; else why something goes, or what is to be so again."""
    new = [p for a in args if a.arg in change.added and a.arg not in wish.owned for p in a.places]
    gone = ["boot.absent_kernel_args"] if unwanted else []
    again = not change.files or not (new or gone or retired(wish))
    stale = [place for a in args for place in a.places] if again else []
    return ", ".join(dict.fromkeys([*new, *gone, *stale])) or GONE


def _configured(state: BootState) -> str:
    if state.configured is not None:
        return join(state.configured)
    normal = state.normal()
    first = next((e for e in normal if e.default), normal[0] if normal else None)
    return join(first.args) if first else ""


def expected(state: BootState, wish: BootWish, change: BootEdit) -> tuple[str, ...]:
    """The configured line after the edit."""
    words = tokens(_configured(state))
    absent = [w for pattern in wish.absent for w in matching(words, pattern)]
    return edit(words, remove=[*absent, *wish.owned], add=change.added)


def _claims(ctx: Context, wish: BootWish, change: BootEdit) -> tuple[Claim, ...]:
    claims = [
        claim_of(file, wish.owned_files, _missing_folders(ctx, file.path), BOOT_FILES)
        for file in change.files
    ]
    claims += _given_back(ctx, {file.path for file in change.files})
    claims.append(Claim(SECTION, "args", list(change.added) or None))
    kept = {path: list(args) for path, args in change.kept.items()}
    claims.append(Claim(SECTION, "kept", kept or None))
    gone = [a for a in wish.owned if a not in change.added]
    if gone:
        value = {"args": gone, "boot_id": ctx.state.identity.boot_id}
        claims.append(Claim(SECTION, "retired", value))
    return tuple(claims)


def _given_back(ctx: Context, edited: set[str]) -> list[Claim]:
    """Files that hold nothing of ours any more."""
    return [
        Claim(BOOT_FILES, path, None)
        for path, owned in ctx.owned.files(BOOT_FILES).items()
        if path not in edited and _content(ctx.state.boot, path) == owned.before
    ]


def _content(state: BootState, path: str) -> bytes | None:
    source = state.source(path)
    return source.content if source else None


def _missing_folders(ctx: Context, path: str) -> tuple[str, ...]:
    known = ctx.state.own_files.get(path)
    return known.missing_folders if known else ()


def _details(
    args: Sequence[ArgWish], wish: BootWish, change: BootEdit, unwanted: Sequence[str]
) -> tuple[tuple[str, str, str], ...]:
    because = {a.arg: a.because for a in args}
    new = [("+", a, because.get(a, "")) for a in change.added if a not in wish.owned]
    old = [("-", a, GONE) for a in retired(wish)]
    gone = [("-", a, "boot.absent_kernel_args") for a in unwanted]
    return tuple(new + old + gone)


def _lines(change: BootEdit) -> tuple[tuple[str, str, str], ...]:
    """Where no argument comes or goes, what was edited by others is told as it stands there."""
    found = (line for file in change.files for line in difference(file.before, file.after))
    return tuple(dict.fromkeys(found))


def _unwanted(words: Sequence[str], wish: BootWish) -> tuple[str, ...]:
    """The words that go because they are to be absent: what the spec itself wants of that name
    stays, and what was ours goes for another reason."""
    ours = (*wish.args, *wish.owned)
    return tuple(dict.fromkeys(w for w in absent_in(words, wish) if not has(ours, w)))


def _of_others(wish: BootWish, words: Sequence[str]) -> tuple[str, ...]:
    """The patterns of what is to be absent. NAME, where an argument of that name is wanted too,
    stands for the other values that are there."""
    patterns: list[str] = []
    for pattern in wish.absent:
        named = value_of(pattern) is None and any(same_name(pattern, a) for a in wish.args)
        others = [w for w in matching(words, pattern) if value_of(w) and not has(wish.args, w)]
        patterns += others if named else [pattern]
    return tuple(dict.fromkeys(patterns))


def _written(state: BootState) -> tuple[str, ...]:
    """Every word of the next boot: of the source, and those that only entries have."""
    entries = (word for entry in state.normal() for word in entry.args)
    return tuple(dict.fromkeys((*(state.configured or ()), *entries)))


def _pending(
    state: BootState, wish: BootWish, change: BootEdit, absent: Sequence[str]
) -> tuple[Pending, ...]:
    missing = [a for a in wish.args if not has(state.running, a)]
    if not (missing or _unwanted(state.running, replace(wish, absent=tuple(absent)))):
        return ()
    line = join(expected(state, wish, change))
    return (Pending("kernel-args", line, join(state.running), Effective.REBOOT),)


def _retired(ctx: Context) -> tuple[Pending, ...]:
    """Arguments that reconcile took away in this very boot still run until the next one."""
    gone = ctx.owned.get(SECTION, "retired")
    if not gone or gone["boot_id"] != ctx.state.identity.boot_id:
        return ()
    running = ctx.state.boot.running
    wanted = ctx.owned.get(SECTION, "args") or ()
    left = [a for a in gone["args"] if a in running and a not in wanted]
    if not left:
        return ()
    return (Pending("kernel-args", f"without {join(left)}", join(running), Effective.REBOOT),)


def _unchanged(args: Sequence[ArgWish]) -> tuple[Unchanged, ...]:
    return tuple(
        Unchanged(f"kernel argument {a.arg}", "is on every normal entry", a.because) for a in args
    )
