"""refind_linux.conf: the options that rEFInd gives to the kernels in the same folder.

One line a choice, ``"label" "options"``; a quote inside is doubled; ``#`` starts a comment line.
The first choice is the default. ``%v`` in options becomes the kernel's version, ``%%v`` is ``%v``.
Source: rEFInd 0.13.2, "Methods of Booting Linux" and mkrlconf(8).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from backends.formats import cmdline
from specs.errors import ReconcileError
from specs.record import Record

_FIELD = r'"((?:[^"\n]|"")*)"'
_LINE = re.compile(rf"(?m)^[ \t]*{_FIELD}[ \t]+{_FIELD}")
_IGNORED = re.compile(r"[ \t\r]*(#.*)?")


class RefindError(ReconcileError):
    """The file cannot be edited so that rEFInd reads what is wanted."""


class Choice(Record):
    """One line: ``start`` and ``end`` are where its options stand in the text."""

    label: str
    options: str
    start: int
    end: int

    @property
    def args(self) -> tuple[str, ...]:
        """The kernel's words; a version that rEFInd fills in stays ``%v``."""
        return tuple(w.replace("%%v", "%v") for w in cmdline.tokens(self.options))


def choices(text: str) -> tuple[Choice, ...]:
    """Every choice in order. Raises RefindError for a line that is not two quoted fields."""
    found = []
    for number, line in enumerate(_lines(text), 1):
        match = _LINE.match(text, *line)
        if match:
            label, options = (field.replace('""', '"') for field in match.groups())
            found.append(Choice(label, options, match.start(2), match.end(2)))
        elif not _IGNORED.fullmatch(text, *line):
            raise RefindError(
                f'line {number} of refind_linux.conf is not "label" "options"',
                hint="put both fields into double quotes",
            )
    return tuple(found)


def edit_choice(text: str, choice: Choice, remove: Sequence[str], add: Sequence[str]) -> str:
    """The text with one choice's options edited; every other byte stays."""
    new = cmdline.edit_text(choice.options, written(remove), written(add))
    if new == choice.options:
        return text
    return text[: choice.start] + new.replace('"', '""') + text[choice.end :]


def render(label: str, args: Sequence[str]) -> str:
    """A line for these arguments."""
    options = cmdline.join(written(args)).replace('"', '""')
    return f'"{label}"  "{options}"\n'


def written(args: Sequence[str]) -> list[str]:
    """Arguments as they stand in options: rEFInd would fill in a version for ``%v``."""
    return [arg.replace("%v", "%%v") for arg in args]


def _lines(text: str) -> list[tuple[int, int]]:
    """Start and end (without the newline) of every line."""
    return [match.span() for match in re.finditer(r"[^\n]+|(?<=\n)(?=\n)|^(?=\n)", text)]
