"""Values in files of shell assignments (/etc/default/grub, os-release), read without a shell.

``/etc/default/grub`` is sourced by sh, then on Debian each ``/etc/default/grub.d/*.cfg`` (GRUB
manual, Simple configuration; grub-mkconfig): what a value is depends on all that stands before
it. A value that only a running shell can tell is never guessed: it is None, with the reason.
Editing is in ``shell_edit``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backends.formats.rawtext import from_raw, to_raw
from backends.formats.shell.script import parse
from backends.formats.shell.statements import Assign
from backends.formats.shell.values import Text, Variables, flatten
from specs.errors import ReconcileError
from specs.record import Record


class ShellAssignError(ReconcileError):
    """A shell file that cannot be edited safely, or a value that cannot be written into one."""


class Value(Record):
    """A variable's value; ``text`` is None where it cannot be told, and ``reason`` says why."""

    text: str | None
    reason: str = ""


def evaluate(
    texts: Sequence[str],
    name: str,
    env: Mapping[str, str] | None = None,
    *,
    bash: bool = False,
) -> Value:
    """The value of a variable after sh has sourced the texts in this order.

    ``env`` are variables set before; a variable that nothing sets is empty. With ``bash`` the
    reader is bash (``+=`` and arrays exist). Never raises.
    """
    variables = Variables({k: to_raw(v) for k, v in (env or {}).items()})
    for text in texts:
        variables.read(parse(to_raw(text), bash=bash))
    parts: list[str] = []
    for run in flatten(variables.get(name)):
        if not isinstance(run.atom, Text):
            return Value(None, run.atom.reason)
        parts.append(run.atom.text)
    return Value(from_raw("".join(parts)))


def assigned_names(text: str, *, bash: bool = False) -> tuple[str, ...]:
    """The variables that the file surely assigns, in order of their first assignment."""
    statements = parse(to_raw(text), bash=bash).statements
    names = [s.name for s in statements if isinstance(s, Assign) and s.sure]
    return tuple(dict.fromkeys(names))


def problem(text: str, *, bash: bool = False) -> str | None:
    """Where sh stops or this module stops reading: the line and the reason; None if nowhere."""
    script = parse(to_raw(text), bash=bash)
    for statement in script.statements:
        if not isinstance(statement, Assign) and statement.fails:
            return f"line {statement.line}: {statement.reason}"
    return None


def quote(value: str) -> str:
    """The value in double quotes, so that sh reads exactly it.

    For a kernel argument that GRUB reads next, pass ``kernel_arg.grub_form``: its ``\\$`` becomes
    ``\\\\\\$`` here. Raises ShellAssignError for control characters.
    """
    bad = next((c for c in value if ord(c) < 32 or c == "\x7f"), None)
    if bad is not None:
        raise ShellAssignError(f"the control character {bad!r} does not belong in a shell value")
    return f'"{escape_double(value)}"'


def escape_double(value: str) -> str:
    """The text as it stands between double quotes in sh (POSIX Shell Command Language, 2.2.3)."""
    return "".join(f"\\{c}" if c in '\\"$`' else c for c in value)


def appending(name: str, words: Sequence[str]) -> str:
    """The line that appends words to what a variable holds, without a newline."""
    return f"{name}={quote(' '.join(words))}".replace('="', f'="${name} ', 1)


def prepending(name: str, words: Sequence[str]) -> str:
    """The line that puts words before what a variable holds, without a newline."""
    return f"{name}={quote(' '.join(words))}"[:-1] + f' ${name}"'
