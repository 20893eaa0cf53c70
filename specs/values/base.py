"""What makes a value class usable as a pydantic field, without importing pydantic for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema
    from typing_extensions import Self

_TOML_KINDS = {
    str: "a string",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    list: "an array",
    dict: "a table",
}


def toml_kind(value: object) -> str:
    """What a parsed TOML value is called in a message: ``"a number"``, ``"a table"``."""
    return _TOML_KINDS.get(type(value), "a date or time")


def quoted(text: str, limit: int = 60) -> str:
    """``text`` in double quotes as TOML would print it, cut to ``limit`` characters."""
    cut = text if len(text) <= limit else text[: limit - 3] + "..."
    return json.dumps(cut, ensure_ascii=False)


def refusal(found: object, expected: str, reason: str = "") -> ValueError:
    """The error for a wrong value: what was found, why it is wrong, what is expected."""
    what = quoted(found) if isinstance(found, str) else toml_kind(found)
    return ValueError(f"found {what}{reason and f', which {reason}'}; expected {expected}")


class Value:
    """A value written as one string; subclasses have ``parse`` and print canonically by ``str``.

    ``EXPECTED`` completes "expected ..."; ``PATTERN`` and ``EXAMPLES`` go to the JSON Schema.
    """

    __slots__ = ()

    EXPECTED: ClassVar[str]
    PATTERN: ClassVar[str]
    EXAMPLES: ClassVar[tuple[str, ...]]

    @classmethod
    def parse(cls, text: str) -> Self:
        """The value that ``text`` means; ValueError says what was found and what is expected."""
        raise NotImplementedError

    @classmethod
    def refuse(cls, text: str, reason: str = "") -> ValueError:
        """The error for ``text``, with the reason where one can be told."""
        return refusal(text, cls.EXPECTED, reason)

    @classmethod
    def from_spec(cls, value: object) -> Self:
        """From a TOML value: a string that means something, or already one of us."""
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise refusal(value, cls.EXPECTED)
        if not value.strip():
            raise refusal(value, cls.EXPECTED, "is empty")
        parsed = cls.parse(value)
        if not parsed:
            raise cls.refuse(value, "is an empty set")
        return parsed

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Validate with ``from_spec``, print with ``str``."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            cls.from_spec, serialization=core_schema.to_string_ser_schema()
        )

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """A string with the pattern, and what it means, for editors."""
        return {
            "type": "string",
            "pattern": cls.PATTERN,
            "description": f"{cls.EXPECTED[0].upper()}{cls.EXPECTED[1:]}.",
            "examples": list(cls.EXAMPLES),
        }
