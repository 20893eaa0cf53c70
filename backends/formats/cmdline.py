"""The kernel command line as an ordered list of words, by the kernel's own rules.

Rules: ``next_arg()`` in the kernel's lib/cmdline.c and ``parse_args()`` in kernel/params.c.
White space separates, a double quote toggles, there is no escape; ``-`` and ``_`` are one in
names and differ in values; what follows a lone ``--`` belongs to init. Order and repeats mean
something, so a line is never a dict or a set here. Text is UTF-8 with surrogateescape.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from backends.formats.rawtext import from_raw, to_raw
from specs.errors import ReconcileError
from specs.record import Record

MAX_BYTES = 2047
"""COMMAND_LINE_SIZE of x86 without its NUL (arch/x86/include/asm/setup.h); the rest is cut."""

# The kernel's isspace() also takes byte 0xA0 (lib/ctype.c), which is inside some UTF-8 letters.
_WORD = re.compile('(?:[^ \\t\\n\\v\\f\\r\\xa0"]+|"[^"]*(?:"|\\Z))+')
_BLOCK = "hugepages"
_SIZES = ("default_hugepagesz", "hugepagesz")


class CmdlineError(ReconcileError):
    """A command line that cannot be edited without changing how the kernel reads the rest."""


def tokens(text: str) -> tuple[str, ...]:
    """The words of a command line, quotes kept as they are written."""
    return tuple(from_raw(m.group()) for m in _WORD.finditer(to_raw(text)))


def join(words: Iterable[str]) -> str:
    """The words as one line, one space between them."""
    return " ".join(words)


def name_of(token: str) -> str:
    """The parameter's name as written: ``vfio-pci.ids`` of ``vfio-pci.ids=10de:1b81``."""
    return _split(token)[0]


def value_of(token: str) -> str | None:
    """What the kernel hands to the parameter, without quotes; None for a bare word."""
    return _split(token)[1]


def normal_name(name: str) -> str:
    """The name in the form that parameqn() compares: ``-`` is ``_``."""
    return name.replace("-", "_")


def same_name(a: str, b: str) -> bool:
    """Whether two words set the same parameter."""
    return normal_name(name_of(a)) == normal_name(name_of(b))


def same(a: str, b: str) -> bool:
    """Whether the kernel reads two words alike: ``"a=b c"``, ``a="b c"``; values are verbatim."""
    return _key(a) == _key(b)


def has(words: Iterable[str], arg: str) -> bool:
    """Whether the kernel reads one of the words like ``arg``: those behind ``--`` it does not."""
    return any(same(arg, word) for word in before_dashdash(tuple(words))[0])


def matching(words: Iterable[str], pattern: str) -> tuple[str, ...]:
    """The kernel's words that ``NAME`` (with any value or none) or ``NAME=VALUE`` (exactly)
    stands for."""
    kernel = before_dashdash(tuple(words))[0]
    if value_of(pattern) is None:
        return tuple(w for w in kernel if same_name(w, pattern))
    return tuple(w for w in kernel if same(w, pattern))


def before_dashdash(words: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words for the kernel, and the rest for init, which starts with its ``--``."""
    for index, word in enumerate(words):
        if _split(word) == ("--", None):
            return tuple(words[:index]), tuple(words[index:])
    return tuple(words), ()


def hugepage_words(words: Iterable[str]) -> tuple[str, ...]:
    """The hugepages arguments, in order. ``hugepages=`` belongs to the size before it, so they
    mean something only as one block (Documentation/admin-guide/mm/hugetlbpage.rst)."""
    return tuple(w for w in before_dashdash(tuple(words))[0] if _group(w) == _BLOCK)


def excess_bytes(text: str) -> int:
    """By how many bytes the line is longer than the kernel keeps; 0 when it fits."""
    return max(0, len(to_raw(text)) - MAX_BYTES)


def edit(words: Sequence[str], remove: Sequence[str], add: Sequence[str]) -> tuple[str, ...]:
    """The words without those of ``remove`` and with those of ``add``; twice is once.

    - Removed is every word the kernel reads like one of ``remove``, unless ``add`` has it too. A
      ``hugepages=`` that follows a size in ``remove`` is removed only after that size.
    - Added words that are there already, in this order among their own name, stay where they are.
      Else they take the place of a removed word of that name, or stand at the end, before ``--``.
    - Hugepages arguments in ``add`` replace all that there are, as one block.

    Raises CmdlineError if a word is not one word, or a quote before the new words is open.
    """
    _check([to_raw(word) for word in words], [to_raw(word) for word in add])
    plan = _plan(words, remove, add)
    out: list[str] = []
    for index in range(len(words) + 1):
        out += plan.new.get(index, [])
        out += [] if index in plan.gone else words[index : index + 1]
    return tuple(out)


def edit_text(text: str, remove: Sequence[str], add: Sequence[str]) -> str:
    """``edit`` on a line as it is written: the white space between untouched words stays.

    Text that needs no change is returned as it is; white space around the line stays.
    """
    raw = to_raw(text)
    changes = splices(raw, [to_raw(w) for w in remove], [to_raw(w) for w in add])
    return from_raw(spliced(raw, changes)) if changes else text


Splice: TypeAlias = tuple[int, int, str]
"""Start, end and what comes in their place."""


def splices(raw: str, remove: Sequence[str], add: Sequence[str]) -> list[Splice]:
    """The changes of ``edit_text``, ascending, for text with one character per byte.

    Characters beyond 255 may stand for parts that are not known yet; they belong to words.
    """
    spans = [m.span() for m in _WORD.finditer(raw)]
    words = [raw[a:b] for a, b in spans]
    _check(words, add)
    spans = [(a, _letter_end(raw, b)) for a, b in spans]
    plan = _plan(words, remove, add)
    out: list[Splice] = []
    last: int | None = None  # the old word that the new line has got to
    for index in range(len(spans) + 1):
        new = plan.new.get(index, [])
        if index in plan.gone:
            out.append(_replaced(spans, index, new, last is not None))
        elif new:
            out.append(_inserted(spans, index, new, last))
        if index < len(spans) and (new or index not in plan.gone):
            last = index
    return sorted(out)


def _letter_end(raw: str, at: int) -> int:
    """Behind a byte 0xA0: it is part of a letter, though the kernel separates words there."""
    while raw[at : at + 1] == "\xa0":
        at += 1
    return at


def raw_words(raw: str) -> list[str]:
    """The words of text with one character per byte."""
    return _WORD.findall(raw)


def spliced(text: str, changes: Iterable[Splice]) -> str:
    """The text with the changes made."""
    parts, at = [], 0
    for start, end, new in changes:
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at:]])


_Spans: TypeAlias = list[tuple[int, int]]
_Members: TypeAlias = list[tuple[int, str]]


def _replaced(spans: _Spans, index: int, new: list[str], started: bool) -> Splice:
    """New words in the place of an old one; without any, its gap goes too."""
    start, end = spans[index]
    if new:
        return start, end, join(new)
    if started:
        return spans[index - 1][1], end, ""
    return start, (spans[index + 1][0] if index + 1 < len(spans) else end), ""


def _inserted(spans: _Spans, index: int, new: list[str], last: int | None) -> Splice:
    """New words behind the old one at ``last``; else before the one at ``index``, or alone."""
    if last is not None:
        at = spans[last][1]
        # Behind a letter that ends in byte 0xA0 the next word may begin at once.
        touching = index < len(spans) and spans[index][0] == at
        return at, at, " " + join(new) + (" " if touching else "")
    if index < len(spans):
        return spans[index][0], spans[index][0], join(new) + " "
    at = spans[-1][1] if spans else 0
    return at, at, join(new)


class _Plan(Record):
    """Which words go, and which new ones come before the word at a place."""

    gone: frozenset[int]
    new: Mapping[int, list[str]]


class _Placed(Record):
    """One group of added words: the old words that go, and where the new ones come."""

    gone: frozenset[int]
    slot: int
    new: tuple[tuple[int, str], ...]


def _plan(words: Sequence[str], remove: Sequence[str], add: Sequence[str]) -> _Plan:
    kernel, _ = before_dashdash(words)
    groups = [_group(word) for word in kernel]
    doomed = _doomed(kernel, remove, add)
    placed: list[_Placed] = []
    for group, members in _grouped(add).items():
        own = [i for i, name in enumerate(groups) if name == group]
        place = _place_block if group == _BLOCK else _place_words
        placed.append(place(kernel, own, doomed, members))
    slots: dict[int, _Members] = {}
    for one in placed:
        slots.setdefault(one.slot, []).extend(one.new)
    new = {slot: [word for _, word in sorted(members)] for slot, members in slots.items()}
    return _Plan(doomed.union(*(p.gone for p in placed)), new)


def _place_words(
    kernel: Sequence[str], own: list[int], doomed: frozenset[int], members: _Members
) -> _Placed:
    """Keep the longest start of ``members`` that stands in order; the others go behind it."""
    free = [i for i in own if i not in doomed]
    last = -1
    rest = list(members)
    while rest:
        found = next((i for i in free if i > last and same(kernel[i], rest[0][1])), None)
        if found is None:
            break
        free.remove(found)
        last, rest = found, rest[1:]
    moved: set[int] = set()
    for _, word in rest:
        moved.update([i for i in free if i not in moved and same(kernel[i], word)][-1:])
    slots = [i for i in own if i > last and (i in doomed or i in moved)]
    return _Placed(frozenset(moved), min(slots, default=len(kernel)), tuple(rest))


def _place_block(
    kernel: Sequence[str], own: list[int], doomed: frozenset[int], members: _Members
) -> _Placed:
    """The whole block stays if it is the wanted one, else the wanted one replaces it."""
    present = [i for i in own if i not in doomed]
    if [_key(kernel[i]) for i in present] == [_key(word) for _, word in members]:
        return _Placed(frozenset(), len(kernel), ())
    return _Placed(frozenset(present), min(own, default=len(kernel)), tuple(members))


def _doomed(kernel: Sequence[str], remove: Sequence[str], add: Sequence[str]) -> frozenset[int]:
    """The places of the words to remove."""
    kept = {_key(word) for word in add}
    wanted = {_key(word) for word in remove} - kept
    after: dict[tuple[str, str | None], set[str | None]] = {}
    for word, size in zip(remove, _sizes(remove), strict=True):
        after.setdefault(_key(word), set()).add(size)
    doomed = set()
    for index, (word, size) in enumerate(zip(kernel, _sizes(kernel), strict=True)):
        sizes = after.get(_key(word), set())
        if _key(word) in wanted and (size in sizes or None in sizes):
            doomed.add(index)
    return frozenset(doomed)


def _sizes(words: Sequence[str]) -> list[str | None]:
    """For each ``hugepages=`` the size that it belongs to; None elsewhere and without one."""
    out: list[str | None] = []
    size: str | None = None
    for word in words:
        name, value = _key(word)
        size = value if name in _SIZES else size
        out.append(size if name == _BLOCK else None)
    return out


def _grouped(add: Sequence[str]) -> dict[str, list[tuple[int, str]]]:
    """The added words with their place, by name; the hugepages block is one group."""
    groups: dict[str, list[tuple[int, str]]] = {}
    for item in enumerate(add):
        groups.setdefault(_group(item[1]), []).append(item)
    return groups


def _check(words: Sequence[str], add: Sequence[str]) -> None:
    """Raise CmdlineError if new words would not be words behind these (one char per byte)."""
    kernel, _ = before_dashdash(words)
    if raw_words(join(words)) != list(words) or (add and kernel and kernel[-1].count('"') % 2):
        raise CmdlineError(
            "a double quote in the kernel command line is not closed",
            hint="close it by hand: everything behind it is part of one argument",
        )
    for word in add:
        if raw_words(word) != [word] or word.count('"') % 2 or _split(word) == ("--", None):
            raise CmdlineError(f"{from_raw(word)!r} is not one kernel argument")


def _group(word: str) -> str:
    name = normal_name(name_of(word))
    return _BLOCK if name in _SIZES else name


def _key(word: str) -> tuple[str, str | None]:
    name, value = _split(word)
    return normal_name(name), value


def _split(word: str) -> tuple[str, str | None]:
    """Name and value as next_arg() finds them: the first ``=`` that is not the first letter."""
    quoted = word.startswith('"')
    body = word[1:] if quoted else word
    equals = body.find("=", 1)
    if equals < 0:
        return (body[:-1] if quoted and body.endswith('"') else body), None
    name, value = body[:equals], body[equals + 1 :]
    ended = value.endswith('"')
    if value.startswith('"'):
        value = value[1:-1] if ended and len(value) > 1 else value[1:]
    elif quoted and ended:
        value = value[:-1]
    return name, value
