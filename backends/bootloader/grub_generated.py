"""GRUB whose entries are generated: /etc/default/grub → grub-mkconfig → grub.cfg.

Debian, Ubuntu, Arch and Gentoo have it in /boot/grub; openSUSE, and Fedora without loader entries,
in /boot/grub2 (see ``grub_family``). Sources: grub-mkconfig(8), GRUB manual "Simple
configuration", Debian's grub-mkconfig (which reads /etc/default/grub.d/*.cfg after
/etc/default/grub; upstream's does not).
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence

from backends.bootloader.detect import running_arguments
from backends.bootloader.grub_defaults import (
    DEFAULTS,
    EVERYWHERE,
    NORMAL,
    configured,
    shell,
    source_file,
    user_file,
)
from backends.bootloader.grub_entries import entries
from backends.bootloader.grub_family import Family, program
from backends.bootloader.room import lacks_room, room_facts
from backends.bootloader.started import by
from backends.bootloader.state import (
    BootEdit,
    BootProblem,
    BootState,
    BootWish,
    Evidence,
    FileEdit,
    SourceFile,
)
from backends.bootloader.unsupported import os_release
from backends.bootloader.wishes import beyond_editing, conflict, retired, spelled
from backends.bootloader.xen import replaced
from backends.formats.cmdline import before_dashdash, edit, has, hugepage_words, matching, tokens
from backends.formats.kernel_arg import grub_form
from backends.formats.shell import assign as shell_assign
from backends.reader import Reader
from backends.steps import Expect, RenameFile, Run, Step

DROP_INS = "/etc/default/grub.d"
# Ours go to GRUB_CMDLINE_LINUX_DEFAULT: recovery entries do not get it and stay the way back.
OURS = f"{DROP_INS}/zz-reconcile.cfg"


class GrubMkconfig:
    """The backend of one family."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self.name = family.name

    def detect(self, reader: Reader) -> Evidence | None:
        """A grub.cfg where the family has it, and the program that makes it."""
        maker = _maker(reader, self.family)
        if not (reader.exists(self.family.config) and maker):
            return None
        strength, said = by(reader, "GRUB", grub=True)
        return Evidence(strength, (f"{self.family.config} exists", f"{maker} exists", *said))

    def read(self, reader: Reader, evidence: tuple[str, ...]) -> BootState:
        """All sources, and the entries of the generated file."""
        config = self.family.config
        drop_ins = _has_drop_ins(reader, self.family)
        sources = tuple(_sources(reader, drop_ins))
        kind = shell(reader)
        value, gap = configured(sources, bash=kind == "bash")
        text = reader.read_text(config) or ""
        found = entries(text, config)
        room = room_facts(reader, self.family.folder, len(text))
        return BootState(
            loader=self.name,
            evidence=evidence,
            running=running_arguments(reader),
            entries=found,
            configured=value,
            configured_gap=gap,
            sources=sources,
            problems=(*_unchecked(reader, self.family), *replaced(text, sources)),
            facts=(
                ("drop-ins", "yes" if drop_ins else "no"),
                ("sh", kind),
                *_programs(reader, self.family),
                *room,
            ),
        )

    def edit(self, state: BootState, wish: BootWish) -> BootEdit:
        """Own drop-in where there are drop-ins, else a minimal edit of /etc/default/grub."""
        added, already, problems = _divide(wish, _foreign(state, wish))
        try:
            files = _edits(state, wish, added)
        except shell_assign.ShellAssignError as e:
            return BootEdit(problems=(*problems, beyond_editing(e, DEFAULTS)))
        problems += _out_of_reach(state) if added else ()
        stale = "" if files else _stale(state, wish, self.family)
        regenerate = _regenerate(state, wish, self.family) if files or stale else ()
        problems += (*lacks_room(state), *_stops(state)) if regenerate else ()
        return BootEdit(files, regenerate, added, already, stale, problems)


def _maker(reader: Reader, family: Family) -> str | None:
    """The program that makes grub.cfg; Debian's update-grub calls it and hands its options on."""
    found = (program(reader, name) for name in (family.mkconfig, *family.wrappers))
    return next(filter(None, found), None)


def _programs(reader: Reader, family: Family) -> tuple[tuple[str, str], ...]:
    """What there is to make and to check a grub.cfg with."""
    maker = posixpath.basename(_maker(reader, family) or family.mkconfig)
    checked = "yes" if program(reader, family.script_check) else "no"
    return (("maker", maker), ("checked", checked))


def _unchecked(reader: Reader, family: Family) -> tuple[BootProblem, ...]:
    if program(reader, family.script_check):
        return ()
    problem = BootProblem(
        "bootloader-unsupported",
        f"{family.script_check} is missing: what {family.mkconfig} makes is read, and its "
        "arguments are compared, but GRUB's own parser does not see it before it boots",
        f"install the package {family.package}",
        where=family.config,
        refuse=False,
    )
    return (problem,)


def _has_drop_ins(reader: Reader, family: Family) -> bool:
    """Debian's patch is what matters; where the program does not tell, the distribution does."""
    maker = _maker(reader, family)
    text = reader.read_text(maker) if maker else None
    if text and "/default/grub.d" in text:
        return True
    release = os_release(reader)
    relatives = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    real = bool(text) and "GRUB_CMDLINE_LINUX" in (text or "")
    return not real and bool(relatives & {"debian", "ubuntu"})


def _sources(reader: Reader, drop_ins: bool) -> list[SourceFile]:
    paths = [DEFAULTS]
    if drop_ins:
        names = {n for n in reader.list(DROP_INS) if n.endswith(".cfg") and n[0] != "."}
        paths += sorted({f"{DROP_INS}/{n}" for n in names} | {OURS})
    found = [source_file(reader, path) for path in paths]
    return [s for s in found if s.content is not None or s.path in (DEFAULTS, OURS)]


def _foreign(state: BootState, wish: BootWish) -> tuple[str, ...]:
    """The arguments of a normal entry that are not ours."""
    words, _ = configured([s for s in state.sources if s.path != OURS], bash=_bash(state))
    if words is None:  # only a shell could tell: the entries say what came out of it
        normal = state.normal()
        words = normal[0].args if normal else ()
    elif state.fact("drop-ins") == "yes":
        return words
    return edit(words, remove=spelled(wish.owned), add=())


def _bash(state: BootState) -> bool:
    return state.fact("sh") == "bash"


def _divide(
    wish: BootWish, base: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[BootProblem, ...]]:
    """Which wished arguments will be ours, and which are there by others."""
    gone = {w for pattern in wish.absent for w in matching(base, pattern)}
    stays = [w for w in base if w not in gone]
    block, foreign_block = hugepage_words(wish.args), hugepage_words(stays)
    already = tuple(a for a in wish.args if (foreign_block if a in block else has(stays, a)))
    return tuple(a for a in wish.args if a not in already), already, conflict(wish, base)


def _edits(state: BootState, wish: BootWish, added: Sequence[str]) -> tuple[FileEdit, ...]:
    """Every source file in the order of sourcing; each is edited knowing the ones before it."""
    drop_ins = state.fact("drop-ins") == "yes"
    found: list[FileEdit] = []
    earlier: list[str] = []
    for source in state.sources:
        if source.path == OURS:
            change = _drop_in(state, wish, added)
        elif source.content is None and (drop_ins or not added):
            continue
        else:
            ours = added if source.path == DEFAULTS and not drop_ins else ()
            change = user_file(source, wish, ours, earlier=tuple(earlier), bash=_bash(state))
        found += [change] if change else []
        after = change.after if change else source.content
        earlier.append((after or b"").decode("utf-8", "surrogateescape"))
    return tuple(found)


def _drop_in(state: BootState, wish: BootWish, added: Sequence[str]) -> FileEdit | None:
    source = state.source(OURS) or SourceFile(OURS, None)
    owned = wish.owned_files.get(OURS)
    base = owned.before if owned else source.content
    text = _drop_in_text(state, wish, added)
    after = text.encode() if added else (base if owned else source.content)
    if after == source.content or (added and _same_body(source.content, after)):
        return None
    return FileEdit(OURS, source.content, base, after, 0o644)


def _drop_in_text(state: BootState, wish: BootWish, added: Sequence[str]) -> str:
    """Behind what is there; before it where it has words for init, which go behind ``--``."""
    put = shell_assign.prepending if _for_init(state, NORMAL) else shell_assign.appending
    return f"{wish.header}{put(NORMAL, [grub_form(a) for a in added])}\n"


def _for_init(state: BootState, name: str) -> bool:
    """Whether a variable, without ours, holds words behind ``--``."""
    texts = [s.text for s in state.sources if s.path != OURS]
    value = shell_assign.evaluate(texts, name, bash=_bash(state))
    return bool(before_dashdash(tokens(value.text or ""))[1])


def _stops(state: BootState) -> tuple[BootProblem, ...]:
    """grub-mkconfig sources every file with ``set -e``: what sh stops at it stops at."""
    found = ((s, shell_assign.problem(s.text, bash=_bash(state))) for s in state.sources)
    return tuple(
        BootProblem(
            "bootloader-unsupported",
            f"{source.path}, {why}: nothing can be generated from it",
            "correct that line",
            where=source.path,
        )
        for source, why in found
        if why
    )


def _out_of_reach(state: BootState) -> tuple[BootProblem, ...]:
    """What 10_linux puts behind GRUB_CMDLINE_LINUX is init's where that has a ``--``."""
    if not _for_init(state, EVERYWHERE):
        return ()
    message = f"{EVERYWHERE} has words behind --: what follows them is for init, not the kernel"
    hint = f"move -- and what is behind it to the end of {NORMAL}"
    return (BootProblem("bootloader-unsupported", message, hint, where=DEFAULTS),)


def _same_body(present: bytes | None, wanted: bytes | None) -> bool:
    """Equal but for the comment line that names the spec."""
    return (present or b"").splitlines()[1:] == (wanted or b"").splitlines()[1:]


def _expect(wish: BootWish, path: str, like: str | None = None) -> Expect:
    return Expect("grub-cfg", path, tuple(wish.args), (*wish.absent, *retired(wish)), like=like)


def _stale(state: BootState, wish: BootWish, family: Family) -> str:
    """Why the generated entries are behind their sources."""
    from backends.bootloader.expect import wrong_arguments

    expect = _expect(wish, family.config)
    if not (wish.args or expect.absent):
        return ""
    if not state.normal():
        return f"{family.config} has no entry that boots this system"
    return wrong_arguments(state.normal(), expect) or ""


def _regenerate(state: BootState, wish: BootWish, family: Family) -> tuple[Step, ...]:
    """Make it aside, check it, and only then rename it over the one that boots. grub-mkconfig
    itself writes a file that ends in .new first, and leaves it where it fails. It checks the
    syntax too: a program put in its place may have no checker beside it."""
    aside = family.aside
    make = Run(
        (state.fact("maker") or family.mkconfig, "-o", aside),
        timeout=600,
        expect=_expect(wish, aside, like=family.config),
        touches=(aside, f"{aside}.new"),
    )
    check = [Run((family.script_check, aside), timeout=60)] * (state.fact("checked") == "yes")
    return (make, *check, RenameFile(aside, family.config))
