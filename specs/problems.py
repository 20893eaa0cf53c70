"""Mistakes that models find in themselves, each at its own place, all at once."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator
from typing import TypeVar

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from specs.values.base import quoted

Loc = tuple[str | int, ...]
H = TypeVar("H", bound=Hashable)
_LONGEST_WORD, _MOST_WORDS = 64, 1000


class Checks:
    """Collects what is wrong inside one table; ``done`` raises it, with places below the table."""

    def __init__(self) -> None:
        self._found: list[InitErrorDetails] = []

    def add(self, loc: Loc, message: str, hint: str = "") -> None:
        """One problem at ``loc``, seen from the table."""
        self._found.append(InitErrorDetails(type=problem(message, hint), loc=loc, input=None))

    def done(self) -> None:
        """Raise ValidationError when there was any; pydantic adds the place of the table."""
        if self._found:
            raise ValidationError.from_exception_data("spec", self._found)


def problem(message: str, hint: str = "") -> PydanticCustomError:
    """What a validator raises for a problem at its own place."""
    return PydanticCustomError("spec", "{message}", {"message": message, "hint": hint})


def twice(values: Iterable[H]) -> Iterator[tuple[int, H]]:
    """The values that were there before, each with its index."""
    seen: set[H] = set()
    for index, value in enumerate(values):
        if value in seen:
            yield index, value
        seen.add(value)


def did_you_mean(word: str, known: Collection[str]) -> str:
    """``did you mean "x"?``, or nothing when no known word is near."""
    if len(word) > _LONGEST_WORD or len(known) > _MOST_WORDS:
        return ""
    from difflib import get_close_matches

    near = get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.6)
    return f"did you mean {quoted(near[0])}?" if near else ""
