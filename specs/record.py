"""The base of every immutable record: fields, equality, a hash and a repr, made in C.

A plan starts many times a day, and the standard library's dataclasses write and compile Python
source for each class at import. docs/decisions/0011-records.md has the figures.
"""

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from msgspec import Struct, field

__all__ = ["Record", "field", "replace"]

if TYPE_CHECKING:  # what a type checker is to know: msgspec's own stubs take records for mutable
    from typing_extensions import dataclass_transform

    _R = TypeVar("_R", bound="Record")

    @dataclass_transform(frozen_default=True, field_specifiers=(field,))
    class Record:
        """See below."""

        VOLATILE: ClassVar[frozenset[str]]
        __struct_fields__: ClassVar[tuple[str, ...]]

        def __init_subclass__(cls, *, order: bool = False, eq: bool = True) -> None: ...

    def replace(record: _R, /, **changes: Any) -> _R:
        """A copy with some fields changed."""

else:
    from msgspec.structs import replace

    class Record(Struct, frozen=True):
        """Fields as annotated; positional or by keyword; compared and hashed by value.

        ``VOLATILE`` names fields that wander from one observation to the next (who runs, what a
        name resolves to): they are no part of a state digest.
        """

        VOLATILE: ClassVar[frozenset[str]] = frozenset()
