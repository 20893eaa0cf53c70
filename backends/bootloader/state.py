"""What is observed of a boot loader, and what is wanted of it: the same shape for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

from backends.formats.cmdline import matching
from backends.steps import Step
from specs.record import Record, field, replace


class Strength(IntEnum):
    """How much a find says about what booted this host; the strongest counts."""

    LIES_THERE = 1
    """Its files are there; what runs looks like another's."""
    FITS = 2
    """Its files are there, and the running command line is like one of its own."""
    STARTED = 3
    """It left its name for the kernel that runs (the boot loader interface's EFI variables)."""
    OWNS = 4
    """A tool that writes the loader's entries anew from a source of its own."""


class Evidence(Record):
    """Why a host is taken to boot this way, in sentences. ``serves`` is the loader whose entries
    a tool writes, so that a spec may name either."""

    strength: Strength
    sentences: tuple[str, ...]
    serves: str = ""


class BootEntry(Record):
    """One thing that the boot loader can start.

    ``args`` are the kernel arguments as the kernel will get them, less those that the loader
    itself adds (BOOT_IMAGE=, initrd=). ``kind``: ``normal``; ``recovery`` (recovery and rescue
    entries, the way back: never changed); ``trial`` (reconcile's own, for one boot); ``foreign``
    (another system, a chain loader).
    """

    id: str
    title: str
    args: tuple[str, ...]
    kind: str = "normal"
    kernel: str = ""
    initrd: tuple[str, ...] = ()
    source: str = ""
    default: bool = False


class SourceFile(Record):
    """A text that boot configuration comes from. ``content`` None: it does not exist (yet)."""

    path: str
    content: bytes | None
    mode: int = 0o644

    @property
    def text(self) -> str:
        """The content as text, losslessly."""
        return (self.content or b"").decode("utf-8", "surrogateescape")


class BootProblem(Record):
    """Why this boot configuration cannot be managed (``refuse``) or what is odd about it."""

    code: str
    message: str
    hint: str = ""
    where: str = ""
    refuse: bool = True


class TrialState(Record):
    """What is there of a trial entry, and what one would be made from.

    ``obstacle`` says why this host cannot boot an entry just once; ``template`` is the text of the
    entry that boots by default, ``facts`` are the loader's own. ``chosen`` is the entry that the
    next boot (and only that) will start, as the loader names it, empty for none; ``entry`` the
    file of a trial entry, empty where there is none. ``sources`` are the files that a trial edits,
    ``folders`` what has to be made above them. ``routed`` says that there is a default route,
    ``writable`` that the root file system is.
    """

    obstacle: BootProblem | None = None
    template: str = ""
    chosen: str = ""
    entry: str = ""
    sources: tuple[SourceFile, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    folders: tuple[tuple[str, tuple[str, ...]], ...] = ()
    routed: bool = False
    writable: bool = False

    def missing_folders(self, path: str) -> tuple[str, ...]:
        """The folders that a file of a trial needs and that are not there, innermost first."""
        return dict(self.folders).get(path, ())

    def source(self, path: str) -> SourceFile:
        """The file at ``path`` as it was observed. Raises KeyError for any other."""
        return {s.path: s for s in self.sources}[path]

    def fact(self, name: str) -> str:
        """A loader's own fact by name. Raises KeyError."""
        return dict(self.facts)[name]


class BootState(Record):
    """The three truths of a kernel command line: running, configured, and next (``entries``).

    ``running`` is /proc/cmdline less what the loader added; ``configured`` is what the source
    files, as they are, give a normal entry (without generated root= and the like), or None with
    ``configured_gap`` saying why it cannot be told without running a shell. ``trial`` is looked at
    only where a trial is wanted or under way.
    """

    loader: str
    evidence: tuple[str, ...]
    running: tuple[str, ...]
    entries: tuple[BootEntry, ...] = ()
    configured: tuple[str, ...] | None = None
    configured_gap: str = ""
    sources: tuple[SourceFile, ...] = ()
    problems: tuple[BootProblem, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    trial: TrialState | None = None

    @property
    def found(self) -> bool:
        """Whether anything speaks for this loader, and so a backend has read its files."""
        return bool(self.evidence)

    def source(self, path: str) -> SourceFile | None:
        """The source file at ``path``, if it was observed."""
        return next((s for s in self.sources if s.path == path), None)

    def fact(self, name: str) -> str | None:
        """A loader's own fact (a path, a version) by name."""
        return dict(self.facts).get(name)

    @property
    def tried(self) -> TrialState:
        """What is there of a trial; a bug where nobody looked."""
        if self.trial is None:
            raise AssertionError("the trial was not observed")
        return self.trial

    def with_facts(self, *facts: tuple[str, str]) -> BootState:
        """The state with more facts."""
        return replace(self, facts=(*self.facts, *facts))

    def normal(self) -> tuple[BootEntry, ...]:
        """The entries that wanted arguments must be on."""
        return tuple(e for e in self.entries if e.kind == "normal")


class OwnedFile(Record):
    """What stood in a file before reconcile first changed it, and what reconcile wrote last.

    ``folders`` had to be created for it: they go again with it when they are empty.
    """

    before: bytes | None
    before_mode: int
    after_sha256: str
    folders: tuple[str, ...] = ()


class BootWish(Record):
    """What is wanted of every normal entry.

    ``args`` in this order; ``absent`` (NAME or NAME=VALUE) gone; ``owned`` are arguments that
    reconcile had put there earlier: those not in ``args`` go, everything else stays.
    ``header`` is the comment that files of ours carry. ``kept`` are, by entry file, arguments that
    stood there before they were ever ours: undo leaves them.
    """

    args: tuple[str, ...]
    absent: tuple[str, ...] = ()
    owned: tuple[str, ...] = ()
    owned_files: Mapping[str, OwnedFile] = field(default_factory=dict)
    header: str = ""
    kept: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


class FileEdit(Record):
    """A file's new content (None: removed).

    ``base`` is what it holds without anything of ours: what undo brings back. Where nobody edited
    the file since, that is what stood there first, byte for byte.
    """

    path: str
    before: bytes | None
    base: bytes | None
    after: bytes | None
    mode: int = 0o644


class BootEdit(Record):
    """How to get from the state to the wish: source files, then the steps that take them over.

    ``added`` are the arguments that will be ours afterwards; ``already`` those of the wish that
    others had put there; ``why_stale`` says, when no file changes, why entries are behind.
    """

    files: tuple[FileEdit, ...] = ()
    regenerate: tuple[Step, ...] = ()
    added: tuple[str, ...] = ()
    already: tuple[str, ...] = ()
    why_stale: str = ""
    problems: tuple[BootProblem, ...] = ()
    kept: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def needed(self) -> bool:
        """Whether anything has to be done."""
        return bool(self.files or self.regenerate)


class TrialWish(Record):
    """An entry for one boot: the default one with ``remove`` (words) and ``absent`` (NAME or
    NAME=VALUE) out of its arguments and ``add`` in them. ``header`` is the comment that files of
    ours carry; ``owned_files`` as in BootWish."""

    add: tuple[str, ...]
    remove: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    header: str = ""
    owned_files: Mapping[str, OwnedFile] = field(default_factory=dict)

    def gone(self, words: Sequence[str]) -> list[str]:
        """What goes out of a line of these words."""
        patterns = [w for pattern in self.absent for w in matching(words, pattern)]
        return [*patterns, *self.remove]


class TrialEdit(Record):
    """Files in the order to write them, then the steps that choose the entry for the next boot.

    ``args`` are the entry's arguments as the kernel will get them.
    """

    files: tuple[FileEdit, ...] = ()
    choose: tuple[Step, ...] = ()
    args: tuple[str, ...] = ()
    problems: tuple[BootProblem, ...] = ()
