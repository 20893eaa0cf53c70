"""A shell file as a list of assignments and of what else may change variables.

Grammar: POSIX.1-2017, Shell Command Language, 2.9 and 2.10. Every assignment that surely happens
is told from those that may (a condition, a loop) and those that cannot matter (a subshell, a
function that is not called). What is not understood ends the reading: ``Script.stop``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from backends.formats.rawtext import Lines
from backends.formats.shell.statements import (
    NAME,
    Assign,
    Effect,
    Script,
    Statement,
    Word,
    appends,
    assignment,
    splits,
)
from backends.formats.shell.words import (
    Dyn,
    NotUnderstoodError,
    Piece,
    Var,
    literal_text,
    plain_text,
    walk,
    word,
)

_ELEMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\[")
_BLANK = re.compile(r"(?:[ \t]|\\\n)+")
_BLANK_OR_LINES = re.compile(r"(?:[ \t\n]|\\\n|(?<![^ \t\n])#[^\n]*)+")
_COMMENT = re.compile(r"#[^\n]*")
_OPERATOR = re.compile(r"&>|\|&|;;?&|&&|\|\||;;|<<-|<<<|<<|<&|>&|<>|>>|>\||[;&|<>()\n]")
_KEYWORDS = {
    "if", "then", "elif", "else", "fi", "while", "until", "for", "do", "done", "case", "esac",
    "{", "}", "!", "function", "select", "[[", "]]", "coproc", "time",
}  # fmt: skip
_OPENS = {"if": "if", "while": "loop", "until": "loop", "for": "loop", "{": "{", "case": "case"}
_CLOSES = {"fi": "if", "done": "loop", "}": "{", "esac": "case"}
_WITHIN = {"then": "if", "elif": "if", "else": "if", "do": "loop"}
# Builtins that can change variables in ways that their arguments do not show.
_CHANGERS = {
    ".", "source", "read", "getopts", "let", "mapfile", "readarray", "printf", "unset", "wait",
}  # fmt: skip
# Builtins behind which the rest of the file may not run, or may mean something else.
_ENDERS = {
    "exit", "return", "exec", "eval", "alias", "unalias", "trap", "readonly", "local", "declare",
    "typeset", "builtin", "command", "enable", "shopt", "break", "continue", "hash", "history",
}  # fmt: skip


def parse(raw: str, *, bash: bool = False) -> Script:
    """Read a whole file. Never raises: what cannot be read is ``stop`` and the last Effect."""
    parser = _Parser(raw, bash)
    stop = None
    try:
        parser.run()
    except NotUnderstoodError as error:
        stop = Effect(parser.lines.number(error.offset), error.reason, None, fails=True)
        parser.out.append(stop)
    known = tuple(sorted(parser.known))
    return Script(raw, tuple(parser.out), stop, known, parser.lines)


@dataclass(slots=True)
class _Frame:
    kind: str
    hidden: bool
    start: int


@dataclass(slots=True)
class _Parser:
    raw: str
    bash: bool
    at: int = 0
    lines: Lines = field(init=False)
    out: list[Statement] = field(default_factory=list)
    known: list[tuple[int, int]] = field(default_factory=list)
    frames: list[_Frame] = field(default_factory=list)
    functions: set[str] = field(default_factory=set)
    heredocs: list[tuple[str, bool, bool]] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)
    header: bool = False  # the words are those of "for"
    redirected: bool = False
    conditional: bool = False  # behind && || | or !
    pending: bool = False  # && || | wants another command
    negated: bool = False  # just behind !
    closed: bool = False  # behind fi, done, }, esac, )
    function_next: bool = False

    def __post_init__(self) -> None:
        self.lines = Lines(self.raw)

    def run(self) -> None:
        """Read to the end."""
        if "\0" in self.raw:
            raise NotUnderstoodError(self.raw.index("\0"), "a NUL byte")
        while self._token():
            pass
        if self.frames:
            raise NotUnderstoodError(self.frames[-1].start, "what begins here has no end")
        if self.pending or self.function_next or self.heredocs:
            raise NotUnderstoodError(len(self.raw), "the file ends inside a command")
        self._end_command(" ")

    def _token(self) -> bool:
        self._skip(_BLANK)
        if self.at >= len(self.raw):
            return False
        char = self.raw[self.at]
        if char == "#":
            start = self.at
            self._skip(_COMMENT)
            self.known.append((start, self.at))
        elif found := _OPERATOR.match(self.raw, self.at):
            self.at = found.end()
            self._operator(found.group(), found.start())
        else:
            self._word_token()
        return True

    def _skip(self, pattern: re.Pattern[str]) -> None:
        if found := pattern.match(self.raw, self.at):
            self.at = found.end()

    def _word(self) -> Word:
        start = self.at
        if self.raw[start : start + 1] == "#":
            raise NotUnderstoodError(start, "a word is missing")
        pieces, self.at = word(self.raw, start)
        if self.at == start:
            raise NotUnderstoodError(start, "a word is missing")
        return Word(pieces, start, self.at)

    def _word_token(self) -> None:
        new = self._word()
        text = plain_text(new.pieces)
        if text is not None and text.isdigit() and self.raw[self.at : self.at + 1] in ("<", ">"):
            return
        if self.closed:
            raise NotUnderstoodError(new.start, "a word behind the end of a compound command")
        at_start = not self.words and not self.header and not self.redirected
        if self.bash and _ELEMENT.match(self.raw, new.start) and all(map(assignment, self.words)):
            raise NotUnderstoodError(new.start, "an element of an array")
        if at_start and text in _KEYWORDS:
            self._keyword(text, new.start)
            return
        if self.function_next:
            raise NotUnderstoodError(new.start, "a function without a body")
        self.pending = self.negated = False
        self.words.append(new)

    def _keyword(self, text: str, start: int) -> None:
        if text == "!" and self.negated:
            raise NotUnderstoodError(start, "! twice")  # dash: a syntax error
        if text == "!":
            self.conditional = self.pending = self.negated = True
        elif text in _OPENS:
            self._open(_OPENS[text], start)
            self.header = text == "for"
            if text == "case":
                self._case_word()
        elif text in _CLOSES:
            self._close(_CLOSES[text], start)
        elif self._within(text):
            self.pending = True
        else:
            raise NotUnderstoodError(start, f"{text} here is not understood")

    def _within(self, text: str) -> bool:
        kind = self.frames[-1].kind if self.frames else None
        return kind is not None and _WITHIN.get(text) == kind and not self.pending

    def _open(self, kind: str, start: int) -> None:
        hidden = kind == "(" or self.function_next or bool(self.frames and self.frames[-1].hidden)
        self.frames.append(_Frame(kind, hidden, start))
        self.function_next = self.conditional = self.negated = False
        self.pending = kind != "case"

    def _close(self, kind: str, start: int) -> None:
        if not self.frames or self.frames[-1].kind != kind or self.pending:
            raise NotUnderstoodError(start, "the end of something that did not begin")
        self.frames.pop()
        self.closed = True

    def _operator(self, text: str, start: int) -> None:
        if text == "\n":
            self._newline()
        elif text in ("<<", "<<-"):
            self._here_document(strip=text == "<<-")
        elif text in ("&>", "|&", ";&", ";;&"):
            raise NotUnderstoodError(start, f"{text} is read differently by different shells")
        elif text[0] in "<>":
            self._redirection(text, start)
        elif text == "(":
            self._open_bracket(start)
        elif text == ")":
            self._end_command(" ")
            self._close("(", start)
        else:
            self._separator(text, start)

    def _newline(self) -> None:
        if self.negated:
            raise NotUnderstoodError(self.at - 1, "! without a command")
        if not self.pending and not self.function_next:
            self._end_command("\n")
            self.conditional = False
        for delimiter, quoted, strip in self.heredocs:
            self._here_body(delimiter, quoted, strip)
        self.heredocs.clear()

    def _separator(self, text: str, start: int) -> None:
        if self.pending or self.function_next or not (self.words or self.closed or self.redirected):
            case_ends = text == ";;" and self.frames and self.frames[-1].kind == "case"
            if not case_ends or self.pending or self.function_next:
                raise NotUnderstoodError(start, f"{text} without a command before it")
        self._end_command(text)
        self.conditional = self.pending = text in ("&&", "||", "|")
        if text == ";;":
            if not self.frames or self.frames[-1].kind != "case":
                raise NotUnderstoodError(start, ";; outside of case")
            self._case_patterns()

    def _redirection(self, text: str, start: int) -> None:
        if text == "<<<" or self.raw[self.at : self.at + 1] == "(" or self.function_next:
            raise NotUnderstoodError(start, f"{text} here is not understood")
        self._skip(_BLANK)
        self._effects_of(self._word().pieces, start)
        self.redirected, self.pending = True, False

    def _here_document(self, *, strip: bool) -> None:
        self._skip(_BLANK)
        delimiter = self._word()
        text = literal_text(delimiter.pieces)
        if text is None or self.function_next:
            raise NotUnderstoodError(delimiter.start, "a here-document that is not plain")
        quoted = plain_text(delimiter.pieces) is None
        self.heredocs.append((text, quoted, strip))
        self.redirected, self.pending = True, False

    def _here_body(self, delimiter: str, quoted: bool, strip: bool) -> None:
        start, joined = self.at, False
        while self.at < len(self.raw):
            end = self.raw.find("\n", self.at)
            end = len(self.raw) if end < 0 else end
            line = self.raw[self.at : end]
            self.at = min(end + 1, len(self.raw))
            if not joined and (line.lstrip("\t") if strip else line) == delimiter:
                if not quoted and re.search(r"\$\(\(|\$\{[^}]*=", self.raw[start:end]):
                    self._effect(start, "a here-document may assign", None)
                return
            backslashes = len(line) - len(line.rstrip("\\"))
            joined = not quoted and backslashes % 2 == 1
        raise NotUnderstoodError(start, f"a here-document without its end {delimiter!r}")

    def _open_bracket(self, start: int) -> None:
        if self.closed or self.redirected or self.header:
            raise NotUnderstoodError(start, "( here is not understood")
        if not self.words and self.raw[self.at : self.at + 1] != "(":
            self._open("(", start)
        elif self.words and self._is_array(self.words[-1], start):
            self._array(self.words[-1])
        else:
            self._function_head(start)

    def _function_head(self, start: int) -> None:
        name = plain_text(self.words[0].pieces) if len(self.words) == 1 else None
        self._skip(_BLANK)
        if name is None or not NAME.fullmatch(name) or self.raw[self.at : self.at + 1] != ")":
            raise NotUnderstoodError(start, "( here is not understood")
        self.at += 1
        self.functions.add(name)
        self.words.clear()
        self.function_next = True

    def _is_array(self, last: Word, start: int) -> bool:
        parts = assignment(last)
        head = plain_text(self.words[0].pieces)
        takes = all(map(assignment, self.words)) or head == "export"
        return self.bash and takes and parts is not None and not parts[2] and last.end == start

    def _array(self, last: Word) -> None:
        elements = []
        while True:
            self._skip(_BLANK_OR_LINES)
            if self.raw[self.at : self.at + 1] == ")":
                break
            if self.at >= len(self.raw):
                raise NotUnderstoodError(last.start, "an array is not closed")
            elements.append(self._word().pieces)
        self.at += 1
        last.elements, last.end = tuple(elements), self.at

    def _case_word(self) -> None:
        self._skip(_BLANK)
        self._effects_of(self._word().pieces, self.at)
        self._skip(_BLANK_OR_LINES)
        if plain_text(self._word().pieces) != "in":
            raise NotUnderstoodError(self.at, "case without in")
        self._case_patterns()

    def _case_patterns(self) -> None:
        self._skip(_BLANK_OR_LINES)
        bracket = self.raw[self.at : self.at + 1] == "("
        self.at += bracket
        while True:
            self._skip(_BLANK)
            start, pattern = self.at, self._word()
            if plain_text(pattern.pieces) == "esac" and not bracket:
                self._close("case", start)
                return
            self._skip(_BLANK)
            self.at += 1
            if self.raw[self.at - 1 : self.at] == ")":
                return
            if self.raw[self.at - 1 : self.at] != "|":
                raise NotUnderstoodError(start, "a pattern of case is not understood")
            bracket = True

    def _end_command(self, ended_by: str) -> None:
        words, sure = self.words, not (self.frames or self.conditional or self.redirected)
        sure = sure and ended_by not in ("|", "&")
        if self.header:
            self._for_header(words)
        elif words and not (self.frames and self.frames[-1].hidden):
            _Command(self, words, sure).read()
        self.words = []
        self.redirected = self.closed = False
        if words:
            self.pending = False

    def _for_header(self, words: list[Word]) -> None:
        name = plain_text(words[0].pieces) if words else None
        if name is None:
            raise NotUnderstoodError(self.at, "for without a name")
        self.header = False
        if not self.frames[-1].hidden:
            self._effect(words[0].start, "the variable of a loop", frozenset([name]))

    def _effect(
        self, start: int, reason: str, names: frozenset[str] | None, *, fails: bool = False
    ) -> None:
        if not (self.frames and self.frames[-1].hidden):
            self.out.append(Effect(self.lines.number(start), reason, names, fails))

    def _effects_of(self, pieces: tuple[Piece, ...], start: int) -> None:
        """What expanding the word may assign: ``${x:=y}``, ``$((x = 1))``."""
        for piece in walk(pieces):
            if isinstance(piece, Var) and "=" in piece.op:
                self._effect(start, "an expansion may assign", frozenset([piece.name]))
            elif isinstance(piece, Dyn) and piece.assigns:
                self._effect(start, f"{piece.reason} may assign", None)


@dataclass(slots=True)
class _Command:
    """One simple command: leading assignments, then perhaps a program or builtin."""

    parser: _Parser
    words: list[Word]
    sure: bool

    def read(self) -> None:
        """Append its assignments and effects to the parser's output."""
        assigned = []
        for one in self.words:
            if assignment(one) is None:
                break
            assigned.append(one)
        rest = self.words[len(assigned) :]
        if not self.parser.bash and any(appends(one) for one in assigned):
            names = {parts[0] for parts in map(assignment, assigned) if parts}
            self._effect(assigned[0], "+= is known to bash, not to every sh", names, fails=True)
            return
        if not rest:
            for one in assigned:
                self._assign(one)
            return
        for one in self.words:
            self.parser._effects_of(one.pieces, one.start)
        self._program(assigned, rest)

    def _assign(self, one: Word) -> None:
        parts = assignment(one)
        assert parts is not None
        name, append, value, value_start = parts
        line = self.parser.lines.number(one.start)
        self.parser.out.append(
            Assign(
                name, append, value, one.start, value_start, one.end, line, self.sure, one.elements
            )
        )
        self.parser._effects_of(value, one.start)
        if self.sure and all(not isinstance(piece, Dyn) for piece in walk(value)):
            self.parser.known.append((one.start, one.end))

    def _program(self, assigned: list[Word], rest: list[Word]) -> None:
        literal = literal_text(rest[0].pieces)
        if literal is None or literal in _ENDERS or literal in self.parser.functions:
            what = "a command that only a running shell knows" if literal is None else literal
            raise NotUnderstoodError(rest[0].start, f"{what}: what it does is not followed")
        if assigned:
            names = {parts[0] for parts in map(assignment, assigned) if parts}
            reason = f"without quotes this runs {literal!r}"
            self._effect(rest[0], reason, names, fails=True)
            if literal in (*_CHANGERS, "export", "set"):
                raise NotUnderstoodError(rest[0].start, f"an assignment before {literal}")
        elif literal == "export":
            self._export(rest[1:])
        elif literal == "set":
            if any((plain_text(w.pieces) or "n").lstrip("-+").count("n") for w in rest[1:]):
                self._effect(rest[0], "set", None)
        elif literal in _CHANGERS:
            self._effect(rest[0], f"{literal} may change variables", None)

    def _export(self, arguments: list[Word]) -> None:
        for one in arguments:
            parts, text = assignment(one), plain_text(one.pieces)
            if parts is not None and parts[1] and not self.parser.bash:
                raise NotUnderstoodError(one.start, "+= is known to bash, not to every sh")
            if parts is not None and splits(parts[2]):
                self._effect(one, "export splits an unquoted value", {parts[0]})
            elif parts is not None:
                self._assign(one)
            elif text is None or not (NAME.fullmatch(text) or text == "-p"):
                raise NotUnderstoodError(one.start, "export of what is not a plain name")
            else:
                self.parser.known.append((one.start, one.end))

    def _effect(
        self, one: Word, reason: str, names: set[str] | None, *, fails: bool = False
    ) -> None:
        wanted = None if names is None else frozenset(names)
        self.parser._effect(one.start, reason, wanted, fails=fails and self.sure)
