"""GRUB as Debian, Ubuntu, Arch and Gentoo have it: /etc/default/grub → grub-mkconfig → grub.cfg.

Sources: grub-mkconfig(8), GRUB manual "Simple configuration", Debian's grub-mkconfig (which reads
/etc/default/grub.d/*.cfg after /etc/default/grub; upstream's does not).
"""

from __future__ import annotations

from collections.abc import Sequence

from backends.bootloader.detect import running_arguments
from backends.bootloader.grub_entries import entries
from backends.bootloader.in_place import edit_file
from backends.bootloader.state import (
    BootEdit,
    BootProblem,
    BootState,
    BootWish,
    FileEdit,
    SourceFile,
)
from backends.bootloader.unsupported import os_release
from backends.formats import shell_assign
from backends.formats.cmdline import edit, hugepage_words, join, matching, same, tokens
from backends.formats.kernel_arg import grub_form
from backends.formats.shell_edit import edit_words
from backends.reader import Reader
from backends.steps import Expect, RenameFile, Run, Step

DEFAULTS = "/etc/default/grub"
DROP_INS = "/etc/default/grub.d"
OURS = f"{DROP_INS}/zz-reconcile.cfg"
CONFIG = "/boot/grub/grub.cfg"
ASIDE = "/boot/grub/grub.cfg.reconcile"
# Every entry but recovery ones gets both, the first before the second (10_linux); recovery entries
# get only GRUB_CMDLINE_LINUX, so ours go to _DEFAULT and recovery stays the way back.
EVERYWHERE, NORMAL = "GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"
_BINS = ("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/sbin", "/bin")


class GrubMkconfig:
    """The backend."""

    name = "grub-mkconfig"

    def detect(self, reader: Reader) -> tuple[str, ...]:
        """A grub.cfg where Debian and upstream have it, and the program that makes it."""
        program = _program(reader, "grub-mkconfig")
        if not (reader.exists(CONFIG) and program):
            return ()
        return (f"{CONFIG} exists", f"{program} exists")

    def read(self, reader: Reader, evidence: tuple[str, ...]) -> BootState:
        """All sources, and the entries of the generated file."""
        sources = tuple(_sources(reader))
        shell = "bash" if reader.realpath("/bin/sh").endswith("bash") else "sh"
        value, gap = configured(sources, bash=shell == "bash")
        text = reader.read_text(CONFIG) or ""
        return BootState(
            loader=self.name,
            evidence=evidence,
            running=running_arguments(reader),
            entries=entries(text, CONFIG),
            configured=value,
            configured_gap=gap,
            sources=sources,
            problems=tuple(_problems(reader)),
            facts=(("drop-ins", "yes" if _has_drop_ins(reader) else "no"), ("sh", shell)),
        )

    def edit(self, state: BootState, wish: BootWish) -> BootEdit:
        """Own drop-in where there are drop-ins, else a minimal edit of /etc/default/grub."""
        added, already, problems = _divide(wish, _foreign(state, wish))
        try:
            files = _edits(state, wish, added)
        except shell_assign.ShellAssignError as e:
            return BootEdit(problems=(*problems, _beyond_editing(e)))
        stale = "" if files else _stale(state, wish)
        regenerate = _regenerate(wish) if files or stale else ()
        return BootEdit(files, regenerate, added, already, stale, tuple(problems))


BACKEND = GrubMkconfig()


def _program(reader: Reader, name: str) -> str | None:
    return next((f"{b}/{name}" for b in _BINS if reader.exists(f"{b}/{name}")), None)


def _has_drop_ins(reader: Reader) -> bool:
    """Debian's patch is what matters; where the program does not tell, the distribution does."""
    program = _program(reader, "grub-mkconfig")
    text = reader.read_text(program) if program else None
    if text and "/default/grub.d" in text:
        return True
    release = os_release(reader)
    family = {release.get("ID", ""), *release.get("ID_LIKE", "").split()}
    real = bool(text) and "GRUB_CMDLINE_LINUX" in (text or "")
    return not real and bool(family & {"debian", "ubuntu"})


def _sources(reader: Reader) -> list[SourceFile]:
    paths = [DEFAULTS]
    if _has_drop_ins(reader):
        names = {n for n in reader.list(DROP_INS) if n.endswith(".cfg") and n[0] != "."}
        paths += sorted({f"{DROP_INS}/{n}" for n in names} | {OURS})
    found = []
    for path in paths:
        content, stat = reader.read_bytes(path), reader.stat(path)
        if content is not None or path in (DEFAULTS, OURS):
            found.append(SourceFile(path, content, stat.mode if stat else 0o644))
    return found


def configured(
    sources: Sequence[SourceFile], *, bash: bool = False
) -> tuple[tuple[str, ...] | None, str]:
    """What the files give a normal entry, or None and why only a shell could tell."""
    texts = [s.text for s in sources if s.content is not None]
    words: list[str] = []
    for name in (EVERYWHERE, NORMAL):
        value = shell_assign.evaluate(texts, name, bash=bash)
        if value.text is None:
            return None, value.reason
        words += tokens(value.text)
    return tuple(words), ""


def _problems(reader: Reader) -> list[BootProblem]:
    problems = []
    for program in ("grub-script-check",):
        if _program(reader, program) is None:
            problems.append(
                BootProblem(
                    "bootloader-unsupported",
                    f"{program} is missing: a generated grub.cfg could not be checked",
                    "install the package grub-common",
                    where=CONFIG,
                    refuse=False,
                )
            )
    return problems


def _foreign(state: BootState, wish: BootWish) -> tuple[str, ...]:
    """The arguments of a normal entry that are not ours."""
    words, _ = configured([s for s in state.sources if s.path != OURS], bash=_bash(state))
    if words is None:  # only a shell could tell: the entries say what came out of it
        normal = state.normal()
        words = normal[0].args if normal else ()
    elif state.fact("drop-ins") == "yes":
        return words
    return edit(words, remove=_spelled(wish.owned), add=())


def _bash(state: BootState) -> bool:
    return state.fact("sh") == "bash"


def _spelled(args: Sequence[str]) -> list[str]:
    """Arguments as they may stand in a shell file: plain, or escaped for GRUB."""
    return list(dict.fromkeys([*args, *(grub_form(a) for a in args)]))


def _beyond_editing(error: shell_assign.ShellAssignError) -> BootProblem:
    return BootProblem("bootloader-unsupported", error.message, error.hint, error.where or DEFAULTS)


def _divide(
    wish: BootWish, base: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...], list[BootProblem]]:
    """Which wished arguments will be ours, and which are there by others."""
    gone = {w for pattern in wish.absent for w in matching(base, pattern)}
    stays = [w for w in base if w not in gone]
    block, foreign_block = hugepage_words(wish.args), hugepage_words(stays)
    problems = []
    if block and foreign_block and foreign_block != block:
        problems.append(
            BootProblem(
                "kernel-arg-conflict",
                f"hugepages are configured by others already: {join(foreign_block)}",
                "take them out there, or list them in boot.absent_kernel_args",
                where="hugepages",
            )
        )
    already = tuple(
        a for a in wish.args if (foreign_block if a in block else any(same(a, b) for b in stays))
    )
    return tuple(a for a in wish.args if a not in already), already, problems


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
            change = _user_file(source, state, wish, ours, earlier)
        found += [change] if change else []
        after = change.after if change else source.content
        earlier.append((after or b"").decode("utf-8", "surrogateescape"))
    return tuple(found)


def _user_file(
    source: SourceFile, state: BootState, wish: BootWish, ours: Sequence[str], earlier: list[str]
) -> FileEdit | None:
    before, bash = tuple(earlier), _bash(state)
    return edit_file(
        source,
        wish.owned_files.get(source.path),
        strip=lambda text: _words(text, _spelled(wish.owned), (), before, bash),
        apply=lambda text: _words(text, wish.absent, ours, before, bash),
    )


def _words(
    text: str, remove: Sequence[str], add: Sequence[str], earlier: Sequence[str], bash: bool
) -> str:
    """Take words out of both variables, and add words to the one for normal entries."""
    for name in (EVERYWHERE, NORMAL):
        value = shell_assign.evaluate([*earlier, text], name, bash=bash)
        words = tokens(value.text or "")
        gone = [w for pattern in remove for w in matching(words, pattern)]
        new = [grub_form(a) for a in add] if name == NORMAL else []
        if gone or new:
            text = edit_words(text, name, gone, new, earlier=earlier, bash=bash)
    return text


def _drop_in(state: BootState, wish: BootWish, added: Sequence[str]) -> FileEdit | None:
    source = state.source(OURS) or SourceFile(OURS, None)
    owned = wish.owned_files.get(OURS)
    base = owned.before if owned else source.content
    after = _drop_in_text(wish, added).encode() if added else (base if owned else source.content)
    if after == source.content or (added and _same_body(source.content, after)):
        return None
    return FileEdit(OURS, source.content, base, after, 0o644)


def _drop_in_text(wish: BootWish, added: Sequence[str]) -> str:
    line = shell_assign.appending(NORMAL, [grub_form(a) for a in added])
    return f"{wish.header}{line}\n"


def _same_body(present: bytes | None, wanted: bytes | None) -> bool:
    """Equal but for the comment line that names the spec."""
    return (present or b"").splitlines()[1:] == (wanted or b"").splitlines()[1:]


def _stale(state: BootState, wish: BootWish) -> str:
    """Why the generated entries are behind their sources."""
    from backends.bootloader.expect import wrong_arguments

    retired = tuple(a for a in wish.owned if not any(same(a, b) for b in wish.args))
    expect = Expect("grub-cfg", CONFIG, tuple(wish.args), (*wish.absent, *retired))
    if not (wish.args or expect.absent):
        return ""
    if not state.normal():
        return f"{CONFIG} has no entry that boots this system"
    return wrong_arguments(state.normal(), expect) or ""


def _regenerate(wish: BootWish) -> tuple[Step, ...]:
    """Make it aside, check it, and only then rename it over the one that boots."""
    retired = tuple(a for a in wish.owned if not any(same(a, b) for b in wish.args))
    expect = Expect("grub-cfg", ASIDE, tuple(wish.args), (*wish.absent, *retired), like=CONFIG)
    return (
        Run(("grub-mkconfig", "-o", ASIDE), timeout=600, expect=expect, touches=(ASIDE,)),
        Run(("grub-script-check", ASIDE), timeout=60),
        RenameFile(ASIDE, CONFIG),
    )
