"""GRUB's script language: commands and words, as its lexer and parser read them.

Sources: grub-core/script/yylex.l and parser.y, and grub-core/lib/cmdline.c for the last step to
the kernel. Text may be str with surrogateescape; GRUB gives no meaning to bytes beyond ASCII.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from specs.errors import ReconcileError
from specs.record import Record

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_VARIABLE = rf"\$(?:({_NAME}|[0-9]+|[?#*@])|\{{({_NAME}|[0-9]+|[?#*@])\}})"
_TOKEN = re.compile(
    r"(?P<blank>[ \t]+)|(?P<comment>\#[^\n]*)|(?P<newline>\n)"
    r"|(?P<operator>\|\||&&|;;|[|&;<>{}])|(?P<word>.)",
    re.DOTALL,
)
_PART = re.compile(
    r"(?P<plain>[^{}|&$;<> \t\n'\"\\]+)"
    r"|(?P<escape>\\(?:[^\n]|\n))"
    r"|(?P<single>'[^']*')"
    r"|(?P<double>\$?\"[^\"\\]*(?:\\.[^\"\\]*)*\")"
    rf"|(?P<variable>{_VARIABLE})",
    re.DOTALL,
)
_IN_DOUBLE = re.compile(
    rf"(?P<plain>[^\\$]+)|(?P<escape>\\.)|(?P<variable>{_VARIABLE})|(?P<bad>[$\\])", re.DOTALL
)
_MAX_DEPTH = 50
_CONTROL = {
    "if", "then", "elif", "else", "fi", "for", "in", "do", "done", "while", "until", "case",
    "esac", "select", "!",
}  # fmt: skip


class GrubScriptError(ReconcileError):
    """Text that GRUB's lexer or parser would not accept, with the line."""


class Part(Record):
    """A piece of a word: text, or a variable's name. ``quoted`` keeps a value in one word."""

    text: str
    variable: bool
    quoted: bool


class Command(Struct):
    """One command: its words, and its block if one follows in braces (menuentry, submenu)."""

    words: list[tuple[Part, ...]]
    line: int
    block: list[Command] | None = None


class _Builder(Struct):
    """Puts tokens together; ``open`` are the blocks that are not closed yet."""

    root: list[Command] = field(default_factory=list)
    open: list[list[Command]] = field(default_factory=list)
    words: list[tuple[Part, ...]] = field(default_factory=list)
    line: int = 1
    closed: bool = False  # just behind a }
    control: bool = False  # just behind a word of control flow

    def end(self) -> None:
        """Close the command that is being read."""
        self.closed = self.control = False
        if self.words:
            (self.open[-1] if self.open else self.root).append(Command(self.words, self.line))
            self.words = []

    def operator(self, text: str, line: int) -> None:
        """``;`` or a brace; parser.y has no use for the others."""
        if text == "{" and self.words and not self.closed and len(self.open) < _MAX_DEPTH:
            inner: list[Command] = []
            target = self.open[-1] if self.open else self.root
            target.append(Command(self.words, self.line, inner))
            self.words = []
            self.open.append(inner)
        elif text == "}" and self.open and (self.words or self.open[-1]):
            self.end()
            self.open.pop()
            self.closed = True
        elif text == ";" and (self.words or self.closed or self.control):
            self.end()
        else:
            raise GrubScriptError(f"{text!r} is out of place here", where=f"line {line}")


def parse(text: str) -> list[Command]:
    """The commands of a script, those in blocks below them. Words of control flow (if, fi) are
    left out: every branch is listed. Raises GrubScriptError."""
    builder, at, line = _Builder(), 0, 1
    while found := _TOKEN.match(text, at):
        kind = found.lastgroup
        if kind == "word":
            word, end = _word(text, at, line)
            if builder.closed:
                raise GrubScriptError("a word behind }", where=f"line {line}")
            if not builder.words:
                builder.line = line
            if word and (builder.words or _plain(word) not in _CONTROL):
                builder.words.append(word)
            elif word:
                builder.control = True
        else:
            end = found.end()
            if kind == "newline":
                builder.end()
            elif kind == "operator":
                builder.operator(found.group(), line)
        line += text.count("\n", at, end)
        at = end
    if builder.open:
        raise GrubScriptError("a { has no }", where=f"line {line}")
    builder.end()
    return builder.root


def words(text: str, variables: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """The words of one line, as a command gets them. Raises GrubScriptError if the line is not
    one command (an unquoted ``;`` ends a command)."""
    commands = parse(text)
    if len(commands) > 1 or any(c.block is not None for c in commands):
        raise GrubScriptError("this is more than one command")
    return expand(commands[0].words, variables or {}) if commands else ()


def expand(parts: Sequence[tuple[Part, ...]], variables: Mapping[str, str]) -> tuple[str, ...]:
    """Words with variables filled in; unquoted values split at spaces, unset ones are empty."""
    out: list[str] = []
    for word in parts:
        current: str | None = None
        for part in word:
            if not part.variable or part.quoted:
                value = variables.get(part.text, "") if part.variable else part.text
                current = (current or "") + value
                continue
            pieces = re.split(r"[ \t\n]+", variables.get(part.text, ""))
            current = (current or "") + pieces[0] if current is not None or pieces[0] else None
            for piece in pieces[1:]:
                out += [] if current is None else [current]
                current = piece or None
        out += [] if current is None else [current]
    return tuple(out)


def source_of(word: tuple[Part, ...]) -> str:
    """The word with its variables as ``${name}``: for showing and for comparing."""
    return "".join(f"${{{p.text}}}" if p.variable else p.text for p in word)


def kernel_line(arguments: Sequence[str]) -> str:
    """What GRUB hands to the kernel for these words (grub_create_loader_cmdline): a backslash
    before quotes and backslashes, double quotes around a word with a space."""
    out = []
    for argument in arguments:
        escaped = re.sub(r"([\\'\"])", r"\\\1", argument)
        out.append(f'"{escaped}"' if " " in argument else escaped)
    return " ".join(out)


def _plain(word: tuple[Part, ...]) -> str | None:
    bare = all(not part.variable and not part.quoted for part in word)
    return "".join(part.text for part in word) if bare else None


def _word(text: str, at: int, line: int) -> tuple[tuple[Part, ...], int]:
    start, parts = at, list[Part]()
    while found := _PART.match(text, at):
        source, at = found.group(), found.end()
        if found["plain"] is not None:
            parts.append(Part(source, False, False))
        elif found["escape"] is not None:
            parts += [] if source == "\\\n" else [Part(source[1], False, True)]
        elif found["single"] is not None:
            parts.append(Part(source[1:-1], False, True))
        elif found["double"] is not None:
            parts += _double(source, line)
        else:
            parts.append(Part(source.strip("${}"), True, False))
    if at == start:
        raise GrubScriptError(f"{text[at]!r} begins what has no end", where=f"line {line}")
    if at < len(text) and text[at] in "$'\"\\":
        raise GrubScriptError(f"{text[at]!r} begins what has no end", where=f"line {line}")
    return tuple(parts), at


def _double(source: str, line: int) -> list[Part]:
    if source.startswith("$"):
        return [Part(re.sub(r'\\(["\\])', r"\1", source[2:-1]), False, True)]
    parts = [Part("", False, True)]
    for found in _IN_DOUBLE.finditer(source[1:-1]):
        text = found.group()
        if found["bad"] is not None:
            raise GrubScriptError(f"{text!r} in quotes needs a backslash", where=f"line {line}")
        if found["variable"] is not None:
            parts.append(Part(text.strip("${}"), True, True))
        elif found["escape"] is not None and text[1] in '$\\"\n':
            parts.append(Part("" if text[1] == "\n" else text[1], False, True))
        else:
            parts.append(Part(text, False, True))
    return parts
