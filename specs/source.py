"""One spec file: read without surprises, parsed, wrong in one known place or not at all."""

from __future__ import annotations

import errno
import os
import re
import stat
from typing import Any

import tomli

from specs.errors import SpecError, SpecProblem
from specs.paths import Loc, path_text
from specs.record import Record
from specs.values.base import quoted

LARGEST = 4 << 20
"""Bytes of a spec file; more is a mistake, not a spec."""

DEEPEST = 16
"""Levels of arrays and tables; the format itself has seven."""

_TOO_DEEP = f"nested deeper than {DEEPEST} levels"
_STRING = re.compile(r"\"[^\"]*\"|'[^']*'")
_BOM = b"\xef\xbb\xbf"


class Unreadable(Exception):
    """The path does not lead to a file that can be read; ``args[0]`` says why."""


class Source(Record):
    """A parsed file. ``identity`` tells files apart whatever path leads to them."""

    path: str
    raw: bytes
    data: dict[str, Any]
    identity: tuple[int, int]

    @property
    def folder(self) -> str:
        """What the relative paths in the file start from."""
        return os.path.dirname(os.path.abspath(self.path))


def read_source(path: str) -> Source:
    """The file at ``path``; Unreadable, or SpecError when its content is wrong."""
    raw, identity = _read(path)
    raw = raw.removeprefix(_BOM)
    data = _parse(path, _decode(path, raw))
    _check_depth(path, raw, data)
    return Source(path, raw, data, identity)


def _read(path: str) -> tuple[bytes, tuple[int, int]]:
    """The bytes of a regular file. Never blocks: a FIFO is seen before it is opened, or opened
    without waiting."""
    if "\0" in path:
        raise Unreadable("the path has a NUL character in it")
    try:
        _require_regular(os.stat(path))
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        with open(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            _require_regular(found)
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise Unreadable(os.strerror(error.errno or errno.EIO)) from error
    if len(raw) > LARGEST:
        size = max(found.st_size, len(raw))
        raise _wrong(
            path, 1, 1, f"the file has {size:,} bytes; a spec has at most {LARGEST:,}", "is it one?"
        )
    return raw, (found.st_dev, found.st_ino)


def _require_regular(found: os.stat_result) -> None:
    kinds = {
        stat.S_IFDIR: "a folder",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a character device",
        stat.S_IFBLK: "a block device",
    }
    kind = stat.S_IFMT(found.st_mode)
    if kind != stat.S_IFREG:
        raise Unreadable(f"it is {kinds.get(kind, 'something else')}, not a file")


def _wrong(
    path: str, line: int, column: int, message: str, hint: str = "", at: Loc = ()
) -> SpecError:
    return SpecError([SpecProblem(path, line, column, path_text(at), message, hint)])


def _decode(path: str, raw: bytes) -> str:
    """The text; the error names the line and column of the first byte that is no UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8")
        line, column = _position(before, len(before))
        utf16 = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
        raise _wrong(
            path,
            line,
            column,
            f"found the byte 0x{raw[error.start]:02x}, which is not UTF-8 text",
            "the file looks like UTF-16: save it as UTF-8" if utf16 else "save the file as UTF-8",
        ) from None


def _parse(path: str, text: str) -> dict[str, Any]:
    if _has_long_key(text):
        _refuse_nested(path, text.encode())
    try:
        return tomli.loads(text)
    except tomli.TOMLDecodeError as error:
        raise _toml_error(path, text, error) from None
    except RecursionError:
        _refuse_nested(path, text.encode())
        raise _wrong(path, 1, 1, _TOO_DEEP) from None
    except ValueError:  # int() refuses thousands of digits
        number = re.search(r"[0-9_]{4300,}", text)
        line, column = _position(text, number.start() if number else 0)
        raise _wrong(path, line, column, "a number of more than 4,300 digits") from None


def _position(text: str, index: int) -> tuple[int, int]:
    """Line and column of a character, from 1."""
    before = text[:index]
    return before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1


def _has_long_key(text: str) -> bool:
    """Whether a line may hold a key of more than DEEPEST parts: for those the parser's time grows
    with the square of their number."""
    return any(
        line.count(".") > DEEPEST and _STRING.sub("", line).count(".") > DEEPEST
        for line in text.split("\n")
    )


def _refuse_nested(path: str, raw: bytes) -> None:
    """Raise SpecError where the text nests deeper than DEEPEST, if it does."""
    from specs.places import first_nested

    found = first_nested(raw, DEEPEST)
    if found is not None:
        raise _wrong(path, *found, _TOO_DEEP)


def _check_depth(path: str, raw: bytes, data: dict[str, Any]) -> None:
    """No more than DEEPEST levels, so that nothing behind this has to mind."""
    level: list[Any] = [data]
    for _ in range(DEEPEST):
        level = [child for parent in level for child in _children(parent)]
        if not level:
            return
    _refuse_nested(path, raw)
    raise _wrong(path, 1, 1, _TOO_DEEP)


def _children(value: dict[str, Any] | list[Any]) -> list[Any]:
    values = value.values() if isinstance(value, dict) else value
    return [child for child in values if isinstance(child, (dict, list))]


def _toml_error(path: str, text: str, error: tomli.TOMLDecodeError) -> SpecError:
    """The parser's message in the user's words, at the parser's place."""
    lines = text.split("\n")
    line = lines[error.lineno - 1].rstrip("\r") if error.lineno <= len(lines) else ""
    message, hint = _in_plain_words(error.msg, line[:200])
    if text.lstrip().startswith("{"):
        hint = "this is JSON: a saved plan goes with --apply, a capture with --state"
    return _wrong(path, error.lineno, error.colno, message, hint)


_ASSIGNMENT = re.compile(
    r"\s*(?P<key>[A-Za-z0-9_.-]+)\s*=\s*(?P<value>[^\s\"'\[{#][^#]*?)?\s*(#.*)?"
)
_OTHER_FLAGS = {"yes": "true", "on": "true", "no": "false", "off": "false"}


def _in_plain_words(found: str, line: str) -> tuple[str, str]:
    """Message and hint for a message of tomli about ``line``."""
    if twice := re.fullmatch(r"Cannot declare \((.*?),?\) twice", found):
        table = twice[1].replace("', '", ".").strip("'")
        return (
            f"[{table}] is there twice",
            f"put all its keys under one [{table}]; a list of tables is written [[{table}]]",
        )
    if found == "Cannot overwrite a value":
        return "this key has a value already", "a key stands once in its table"
    if found.startswith("Illegal character '\\n'"):
        return "a string that does not end on its line", 'close it with "'
    if re.match(r"\s*[A-Za-z0-9_-]+\s*:", line) and "=" in found:
        return f"not TOML: {found}", "TOML is written key = value"
    if not line.strip() and found.startswith(("Invalid value", "Unclosed")):
        return f"not TOML: {found}", "an array or a string above is not closed"
    assigned = _ASSIGNMENT.fullmatch(line)
    if assigned and found.startswith(("Invalid value", "Expected newline")):
        return f"not TOML: {found}", _quote_hint(assigned["key"], assigned["value"] or "")
    return f"not TOML: {found}", ""


_CURLY = "“”„‟«»‘’‚"  # what word processors and web pages make of quotes


def _quote_hint(key: str, value: str) -> str:
    if not value:
        return f"{key} has no value"
    flag = _OTHER_FLAGS.get(value.lower(), value.lower())
    if flag in ("true", "false"):
        return f"write {key} = {flag}"
    if value[0] in _CURLY:
        return f"quotes are straight: {key} = {quoted(value.strip(_CURLY))}"
    if '"' in value or "\\" in value:
        return "text is written in quotes"
    return f'text is written in quotes: {key} = "{value}"'
