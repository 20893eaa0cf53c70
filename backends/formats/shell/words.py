"""Words of POSIX sh, split into parts that are known as text and parts that are not.

Grammar: POSIX.1-2017, Shell Command Language, 2.2 Quoting and 2.6 Word Expansions. Works on text
with one character per byte, as dash does. What sh would do with a word is never guessed: what
this module does not know becomes ``Dyn``, or ``NotUnderstood`` where even its end is unsure.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from specs.record import Record

_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_MAX_DEPTH = 30
_PLAIN = {
    "word": re.compile(r"[^ \t\n;&|<>()'\"\\$`]+"),
    "brace": re.compile(r"[^}'\"\\$`]+"),
    "dq": re.compile(r'[^"\\$`]+'),
    "dqbrace": re.compile(r"[^}'\"\\$`]+"),
}
_END = {"word": " \t\n;&|<>()", "brace": "}", "dq": '"', "dqbrace": "}"}
_VAR = re.compile(rf"\$(?:({_NAME})|\{{({_NAME})\}})")
_VAR_OP = re.compile(rf"\$\{{({_NAME})(:?[-+=?])")
_SPECIAL = re.compile(r"\$[0-9@*#?$!-]")
_BACKQUOTED = re.compile(r"`[^`\\]*(?:\\.[^`\\]*)*`", re.DOTALL)
_SKIP = re.compile(r"[^()'\"\\`${}#<a-z]+")
_SKIP_DQ = re.compile(r'[^"\\`$]+')
_WORD_IN_CODE = re.compile(r"[a-z][A-Za-z0-9_]*")


class NotUnderstoodError(Exception):
    """From ``offset`` on the text is not read; ``reason`` is for people."""

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(reason)
        self.offset = offset
        self.reason = reason


class Lit(Record):
    """Literal text. ``quote`` is ``'``, ``"`` or empty; the source is ``raw[start:end]``."""

    text: str
    start: int
    end: int
    quote: str

    @property
    def exact(self) -> bool:
        """Whether the source has one character for each of the text's (no escape)."""
        return self.end - self.start == len(self.text)


class Var(Record):
    """``$name``, ``${name}`` or ``${name:+word}`` (``op`` one of - + = ? with or without :)."""

    name: str
    start: int
    end: int
    quote: str
    op: str = ""
    word: tuple[Piece, ...] = ()


class Dyn(Record):
    """What only a running shell knows; ``assigns`` if it can change variables."""

    reason: str
    start: int
    end: int
    quote: str
    assigns: bool = False


Piece: TypeAlias = Lit | Var | Dyn


def word(raw: str, start: int) -> tuple[tuple[Piece, ...], int]:
    """The word at ``start`` and the offset behind it. Raises NotUnderstoodError."""
    try:
        pieces, end = _pieces(raw, start, "word", 0)
    except NotUnderstoodError as error:
        at = start if error.offset >= len(raw) else error.offset
        raise NotUnderstoodError(at, error.reason) from error
    return tuple(pieces), end


def plain_text(pieces: tuple[Piece, ...]) -> str | None:
    """The word's text if nothing in it is quoted, escaped or expanded, else None."""
    text = []
    for piece in pieces:
        if not isinstance(piece, Lit) or piece.quote or not (piece.exact or not piece.text):
            return None
        text.append(piece.text)
    return "".join(text)


def literal_text(pieces: tuple[Piece, ...]) -> str | None:
    """The word's text after quote removal if nothing in it is expanded, else None."""
    if not all(isinstance(piece, Lit) for piece in pieces):
        return None
    return "".join(piece.text for piece in pieces if isinstance(piece, Lit))


def walk(pieces: tuple[Piece, ...]) -> list[Piece]:
    """All parts, those inside ``${name:-...}`` too."""
    out: list[Piece] = []
    for piece in pieces:
        out.append(piece)
        if isinstance(piece, Var):
            out += walk(piece.word)
    return out


def _pieces(raw: str, at: int, mode: str, depth: int) -> tuple[list[Piece], int]:
    """Parts up to the mode's end (which is not consumed)."""
    if depth > _MAX_DEPTH:
        raise NotUnderstoodError(at, "expansions are nested too deeply")
    quote = '"' if mode.startswith("dq") else ""
    plain, ends, out = _PLAIN[mode], _END[mode], list[Piece]()
    while at < len(raw) and raw[at] not in ends:
        if found := plain.match(raw, at):
            out.append(Lit(found.group(), at, found.end(), quote))
            at = found.end()
            continue
        new, at = _special(raw, at, mode, depth)
        out += new
    if mode != "word" and at >= len(raw):
        raise NotUnderstoodError(at, "a quote or brace is not closed")
    return out, at


def _special(raw: str, at: int, mode: str, depth: int) -> tuple[list[Piece], int]:
    """The part that starts with a quote, backslash, dollar or backquote."""
    quote = '"' if mode.startswith("dq") else ""
    char = raw[at]
    if char == "\\":
        piece = _escape(raw, at, mode)
        return [piece], piece.end
    if char == "$":
        return _dollar(raw, at, mode, depth)
    if char == "`":
        found = _BACKQUOTED.match(raw, at)
        if not found:
            raise NotUnderstoodError(at, "a backquote is not closed")
        return [Dyn("a command's output", at, found.end(), quote)], found.end()
    if mode == "dqbrace":
        raise NotUnderstoodError(at, "quotes inside ${...} inside quotes")
    if char == "'":
        end = raw.find("'", at + 1)
        if end < 0:
            raise NotUnderstoodError(at, "a single quote is not closed")
        return [Lit(raw[at + 1 : end], at + 1, end, "'")], end + 1
    inner, end = _pieces(raw, at + 1, "dq", depth + 1)
    return inner or [Lit("", at + 1, at + 1, '"')], end + 1


def _escape(raw: str, at: int, mode: str) -> Lit:
    quote = '"' if mode.startswith("dq") else ""
    following = raw[at + 1 : at + 2]
    if not following:
        raise NotUnderstoodError(at, "a backslash ends the file")
    if following == "\n":
        return Lit("", at, at + 2, quote)
    special = '$`"\\}' if mode == "dqbrace" else '$`"\\'
    if quote and following not in special:
        return Lit("\\", at, at + 1, quote)
    return Lit(following, at, at + 2, quote)


def _dollar(raw: str, at: int, mode: str, depth: int) -> tuple[list[Piece], int]:
    quote = '"' if mode.startswith("dq") else ""
    if found := _VAR.match(raw, at):
        name = found.group(1) or found.group(2)
        return [Var(name, at, found.end(), quote)], found.end()
    if found := _VAR_OP.match(raw, at):
        inner, end = _pieces(raw, found.end(), "dqbrace" if quote else "brace", depth + 1)
        name, op = found.groups()
        return [Var(name, at, end + 1, quote, op, tuple(inner))], end + 1
    if found := _SPECIAL.match(raw, at):
        return [Dyn(f"{found.group()} of the shell", at, found.end(), quote)], found.end()
    following = raw[at + 1 : at + 2]
    if following and following in "({":
        end = _code_end(raw, at, bool(quote))
        return [_dynamic(raw, at, end, quote)], end
    if following in ("\\", "[") or (not quote and following and following in "'\""):
        raise NotUnderstoodError(at, f"${following} is read differently by different shells")
    return [Lit("$", at, at + 1, quote)], at + 1


def _dynamic(raw: str, at: int, end: int, quote: str) -> Dyn:
    source = raw[at:end]
    if source.startswith("$(("):
        assigns = any(sign in source for sign in ("=", "++", "--"))
        return Dyn("arithmetic", at, end, quote, assigns)
    if source.startswith("$("):
        return Dyn("a command's output", at, end, quote)
    return Dyn("an expansion that is not plain", at, end, quote, "=" in source or "((" in source)


def _code_end(raw: str, at: int, quoted: bool) -> int:
    """The offset behind ``$(...)`` or ``${...}``, by its brackets and quotes."""
    stack = [raw[at + 1]]
    start, at = at, at + 2
    while stack:
        if found := (_SKIP_DQ if stack[-1] == '"' else _SKIP).match(raw, at):
            at = found.end()
        if at >= len(raw):
            raise NotUnderstoodError(start, "a bracket or quote is not closed")
        at = _code_step(raw, at, stack, quoted)
    return at


def _code_step(raw: str, at: int, stack: list[str], quoted: bool) -> int:
    char, top = raw[at], stack[-1]
    if char == "\\":
        return at + 2
    if char == "`":
        found = _BACKQUOTED.match(raw, at)
        if not found:
            raise NotUnderstoodError(at, "a backquote is not closed")
        return found.end()
    if char == "$" and raw[at + 1 : at + 2] in ("(", "{"):
        stack.append(raw[at + 1])
        return at + 2
    if char == "$" and top != '"' and raw[at + 1 : at + 2] == "'":
        raise NotUnderstoodError(at, "$' is read differently by different shells")
    if char == '"':
        _toggle(stack)
        return at + 1
    if top == '"' or char == "$":
        return at + 1
    return _code_unquoted(raw, at, stack, quoted or '"' in stack)


def _code_unquoted(raw: str, at: int, stack: list[str], quoted: bool) -> int:
    char, top = raw[at], stack[-1]
    if char == "'":
        end = raw.find("'", at + 1)
        if end < 0 or (top == "{" and quoted):
            raise NotUnderstoodError(at, "a single quote inside ${...}")
        return end + 1
    if char == "(":
        stack.append("(")
    elif (char == ")" and top == "(") or (char == "}" and top == "{"):
        stack.pop()
    elif char == ")":
        raise NotUnderstoodError(at, "brackets do not match")
    elif char == "#" and top == "(" and raw[at - 1] in " \t\n;&|(":
        raise NotUnderstoodError(at, "a comment inside $(...)")
    elif char == "<" and raw[at + 1 : at + 2] == "<":
        raise NotUnderstoodError(at, "a here-document inside $(...)")
    elif found := _WORD_IN_CODE.match(raw, at):
        if found.group() in ("case", "esac") and top == "(":
            raise NotUnderstoodError(at, "case inside $(...)")
        return found.end()
    return at + 1


def _toggle(stack: list[str]) -> None:
    if stack[-1] == '"':
        stack.pop()
    else:
        stack.append('"')
