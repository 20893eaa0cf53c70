"""Whose an argument is: one that stands there by others stays theirs, the rest becomes ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backends.bootloader.state import BootProblem, BootWish
from backends.bootloader.wishes import conflict
from backends.formats.cmdline import has
from specs.record import Record, replace

Words = tuple[str, ...]


class Shares(Record):
    """The wished arguments that every entry has without us, those that are ours from now on, and
    what two owners cannot have both."""

    already: Words
    added: Words
    problems: tuple[BootProblem, ...]


def shares(wish: BootWish, bases: Sequence[Sequence[str]]) -> Shares:
    """``bases`` are the lines of the entries without what is ours."""
    already = tuple(a for a in wish.args if bases and all(has(base, a) for base in bases))
    added = tuple(a for a in wish.args if a not in already)
    problems = dict.fromkeys(problem for base in bases for problem in conflict(wish, base))
    return Shares(already, added, tuple(problems))


def remembering(
    places: Mapping[str, Sequence[str]], wish: BootWish, added: Sequence[str]
) -> tuple[BootWish, dict[str, Words]]:
    """The wish with what each file is to keep on undo, and as much of that as has to be remembered:
    only of arguments that are ours from now on. ``places`` has the words of files by path."""
    kept = _kept(places, wish, added)
    left = {path: tuple(a for a in args if a in added) for path, args in kept.items()}
    return replace(wish, kept=kept), {path: args for path, args in left.items() if args}


def _kept(
    places: Mapping[str, Sequence[str]], wish: BootWish, added: Sequence[str]
) -> dict[str, Words]:
    """Arguments that become ours now and that a file already has: it will keep them on undo."""
    new = [a for a in added if not has(wish.owned, a)]
    found = {}
    for path, words in places.items():
        here = [a for a in new if has(words, a)]
        if here or path in wish.kept:
            found[path] = tuple(dict.fromkeys([*wish.kept.get(path, ()), *here]))
    return found
