"""Smallest edits of shell assignment files that give a variable other words.

The value is written out with the origin of every letter; the change is made where the letters
stand, in the quotes they stand in. Then the new file is read again: the variable must have
exactly the wanted words and every other variable its old value, or the change is not made so.
Where it is not, a line at the end of the file appends; what cannot be reached there is refused.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate, pairwise

from backends.formats import cmdline
from backends.formats.rawtext import from_raw, to_raw
from backends.formats.shell.assign import ShellAssignError, appending, escape_double, quote
from backends.formats.shell.script import parse
from backends.formats.shell.statements import Assign, Effect, Script
from backends.formats.shell.values import Run, Text, Unknown, Variables, flatten
from specs.record import Record

MARK = "# added by reconcile"
"""Ends a line that ``edit_words`` appended; a carriage return behind it is part of the comment."""

_UNKNOWN = "\ue000"  # stands for text that is not known; beyond one byte, so never in a file
_SAFE = re.compile(r"[A-Za-z0-9_./:=@%+,-]")


class _BeyondReach(Exception):
    """The change cannot be made where the value stands; the message says why."""


class _Reading(Record):
    """A file read behind earlier ones, and the written-out value of the variable of interest."""

    script: Script
    variables: Variables
    runs: list[Run]

    @property
    def text(self) -> str:
        """The value, with one placeholder for each part that is not known."""
        return "".join(_known(run) for run in self.runs)


def edit_words(
    text: str,
    name: str,
    remove: Sequence[str],
    add: Sequence[str],
    *,
    earlier: Sequence[str] = (),
    bash: bool = False,
) -> str:
    """The file, changed so that ``name`` has the words that ``cmdline.edit`` makes of its words.

    ``earlier`` are the files sourced before this one. Words that are there already need no
    change; then the text is returned as it is. A line that this function appended goes when it
    has no words left. Raises ShellAssignError, naming the line, if the words are beyond reach in
    this file or an edit would change something else too.
    """
    for word in add:
        quote(word)
    old = _read(to_raw(text), name, earlier, bash)
    _refuse_broken(old.script, name)
    try:
        changes = cmdline.splices(old.text, [to_raw(w) for w in remove], [to_raw(w) for w in add])
    except cmdline.CmdlineError as error:
        raise ShellAssignError(f"{name}: {error.message}", hint=error.hint) from error
    if not changes:
        return text
    wanted = cmdline.raw_words(cmdline.spliced(old.text, changes))
    candidates, reason = _candidates(old, name, changes)
    for candidate in candidates:
        new = _read(candidate, name, earlier, bash)
        if cmdline.raw_words(new.text) == wanted and _else_alike(old, new, name):
            return from_raw(candidate)
    raise ShellAssignError(
        reason or f"{name} cannot be changed without changing more",
        hint="change it by hand, or assign it once, in plain quotes",
    )


def set_value(
    text: str, name: str, value: str, *, earlier: Sequence[str] = (), bash: bool = False
) -> str:
    """The file, changed so that ``name`` has exactly this value: the last assignment's value is
    replaced, or a line is appended. Raises ShellAssignError like ``edit_words``."""
    old = _read(to_raw(text), name, earlier, bash)
    _refuse_broken(old.script, name)
    last, wanted, quoted = _last(old.script, name), to_raw(value), to_raw(quote(value))
    if last and old.text == wanted:
        return text
    candidates = [_with_line(old.script.raw, f"{name}={quoted} {MARK}")]
    if last and not _used_elsewhere(old.script, name, last.end):
        raw = old.script.raw
        candidates.insert(0, f"{raw[: last.start]}{name}={quoted}{raw[last.end :]}")
    for candidate in candidates:
        new = _read(candidate, name, earlier, bash)
        if new.text == wanted and _others_alike(old, new, name):
            return from_raw(candidate)
    raise ShellAssignError(f"{name} cannot be set without changing more")


def _read(raw: str, name: str, earlier: Sequence[str], bash: bool) -> _Reading:
    variables = Variables({}, unset_unknown=True)
    for before in earlier:
        variables.read(parse(to_raw(before), bash=bash))
    script = parse(raw, bash=bash)
    variables.read(script)
    runs = flatten(variables.get(name))
    unset = len(runs) == 1 and isinstance(runs[0].atom, Unknown) and not _is_set(runs[0].atom, name)
    return _Reading(script, variables, [] if unset else runs)


def _is_set(atom: Unknown, name: str) -> bool:
    return atom.key != ("unset", name)


def _known(run: Run) -> str:
    return run.atom.text if isinstance(run.atom, Text) else _UNKNOWN


def _refuse_broken(script: Script, name: str) -> None:
    for statement in script.statements:
        if not isinstance(statement, Effect) or not statement.fails:
            continue
        if statement is script.stop or (statement.names and name in statement.names):
            raise ShellAssignError(
                f"line {statement.line}: {statement.reason}",
                hint="correct the line: what stands behind it cannot be relied on",
            )


def _last(script: Script, name: str) -> Assign | None:
    """The assignment that decides the value, if one surely does."""
    for statement in reversed(script.statements):
        if isinstance(statement, Effect) and (not statement.names or name in statement.names):
            return None
        if isinstance(statement, Assign) and statement.name == name:
            return statement if statement.sure and statement.elements is None else None
    return None


def _candidates(
    old: _Reading, name: str, changes: list[cmdline.Splice]
) -> tuple[list[str], str | None]:
    """New texts, best first, and why the change cannot be made in place."""
    out: list[str] = []
    reason = None
    try:
        edited = _in_place(old, name, changes)
        out = [_without_spent_line(edited, name), edited]
    except _BeyondReach as error:
        reason = str(error)
    start, end, new = changes[-1]
    if len(changes) == 1 and start == end and not cmdline.raw_words(old.text[start:]):
        line = appending(name, [new.strip(" ")])
        if not old.runs:
            line = f"{name}={quote(new.strip(' '))}"
        out.append(_with_line(old.script.raw, f"{line} {MARK}"))
    return out, reason


def _in_place(old: _Reading, name: str, changes: list[cmdline.Splice]) -> str:
    last = _last(old.script, name)
    if last is None:
        raise _BeyondReach(f"no assignment in this file surely decides {name}")
    origins = _Origins(old.runs, last, old.variables.files - 1)
    edits = sorted(edit for change in changes for edit in origins.edits(change))
    if any(a[1] > b[0] for a, b in pairwise(edits)):
        raise _BeyondReach(f"line {last.line}: one text stands in {name} twice")
    if _used_elsewhere(old.script, name, edits[0][0]):
        raise _BeyondReach(f"line {last.line}: {name} is used by commands behind it")
    return cmdline.spliced(old.script.raw, edits)


class _Origins:
    """From places in a written-out value to places in the file."""

    def __init__(self, runs: list[Run], last: Assign, script: int) -> None:
        self._runs = [run for run in runs if _known(run)]
        self._starts = list(accumulate((len(_known(run)) for run in self._runs), initial=0))
        self._last = last
        self._script = script

    def edits(self, change: cmdline.Splice) -> list[cmdline.Splice]:
        """The edits of the file that make one change of the value."""
        start, end, new = change
        if start == end:
            at, mode = self._insertion(start)
            return [(at, at, _quoted(new, mode))]
        out: list[cmdline.Splice] = []
        for index in range(bisect_right(self._starts, start) - 1, bisect_left(self._starts, end)):
            atom, offset = self._own(index), self._starts[index]
            first, last = max(start - offset, 0), min(end - offset, len(atom.text))
            text = "" if out else _quoted(new, atom.quote)
            whole = atom.end - atom.start != len(atom.text)
            a, b = (atom.start, atom.end) if whole else (atom.start + first, atom.start + last)
            out.append((a, b, text))
        return out

    def _own(self, index: int) -> Text:
        """The run, if it is text of this variable's own assignments."""
        atom = self._runs[index].atom
        if not isinstance(atom, Text):
            raise _BeyondReach(f"{self._last.name}: {atom.reason}")
        if not self._is_own(atom):
            where, source = "", "an expansion or an earlier file"
            if atom.owner is not None and atom.script == self._script:
                where, source = f"line {atom.owner.line}: ", atom.owner.name
            raise _BeyondReach(f"{where}a word of {self._last.name} comes from {source}")
        return atom

    def _is_own(self, atom: Text) -> bool:
        return (
            atom.owner is not None
            and atom.owner.name == self._last.name
            and atom.script == self._script
        )

    def _insertion(self, at: int) -> tuple[int, str]:
        """Offset in the file and quoting there."""
        if not self._runs:
            return self._empty_value()
        index = max(bisect_left(self._starts, at) - 1, 0)
        run, offset = self._runs[index], self._starts[index]
        if isinstance(run.atom, Text) and self._is_own(run.atom):
            exact = run.atom.end - run.atom.start == len(run.atom.text)
            inside = run.atom.start + (at - offset)
            outside = run.atom.end if at > offset else run.atom.start
            return (inside if exact else outside), run.atom.quote
        if run.top is None:
            raise _BeyondReach(f"line {self._last.line}: += on a value that is not known")
        return (run.top.end if at > offset else run.top.start), run.top.quote

    def _empty_value(self) -> tuple[int, str]:
        if not self._last.value:
            return self._last.value_start, ""
        return self._last.value[-1].end, self._last.value[-1].quote


def _quoted(text: str, mode: str) -> str:
    """The text as it stands between such quotes; unquoted it gets backslashes, which go again
    with the words they belong to."""
    if mode == '"':
        return escape_double(text)
    if mode == "'":
        return text.replace("'", "'\\''")
    return "".join(c if _SAFE.match(c) else f"\\{c}" for c in text)


def _used_elsewhere(script: Script, name: str, start: int) -> bool:
    """Whether the name stands behind ``start`` in anything but comments and sure assignments."""
    begins = [span[0] for span in script.known]
    for found in re.finditer(rf"\b{name}\b", script.raw[start:]):
        index = bisect_right(begins, start + found.start()) - 1
        if index < 0 or script.known[index][1] < start + found.end():
            return True
    return False


def _without_spent_line(raw: str, name: str) -> str:
    """The text without a line of ours that has no words left."""
    line = rf'{name}="(?:\${name})?" {re.escape(MARK)}\r?'
    raw = re.sub(rf"(?m)^{line}\n", "", raw)
    return re.sub(rf"(?:\r?\n|\A){line}\Z", "", raw)


def _with_line(raw: str, line: str) -> str:
    newline = "\r\n" if "\r\n" in raw and raw.count("\r\n") == raw.count("\n") else "\n"
    ended = not raw or raw.endswith("\n")
    return raw + line + newline if ended else raw + newline + line


def _else_alike(old: _Reading, new: _Reading, name: str) -> bool:
    """Whether the unknown parts of the value and all other variables are what they were."""
    same = _unknown_keys(old.runs) == _unknown_keys(new.runs)
    return same and new.script.stop is None and _others_alike(old, new, name)


def _others_alike(old: _Reading, new: _Reading, name: str) -> bool:
    names = {*old.variables.names(), *new.variables.names()} - {name}
    return all(_content(old, other) == _content(new, other) for other in names)


def _unknown_keys(runs: list[Run]) -> list[tuple[object, ...]]:
    return [run.atom.key for run in runs if isinstance(run.atom, Unknown)]


def _content(reading: _Reading, name: str) -> tuple[str, list[tuple[object, ...]]]:
    runs = flatten(reading.variables.get(name))
    return "".join(map(_known, runs)), _unknown_keys(runs)
