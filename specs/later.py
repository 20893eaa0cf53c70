"""Tables whose models are made when a spec has the first of them.

They are a twentieth of the time of a plan that needs none, and many specs are without one or
another of the large tables (``make bench``; docs/decisions/0011-records.md).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from specs.record import Record

if TYPE_CHECKING:
    from pydantic import BaseModel, GetCoreSchemaHandler
    from pydantic_core import CoreSchema


class Later(Record):
    """Metadata of ``Any``: what is there is a table of this model, which is imported for it."""

    module: str
    name: str

    @property
    def model(self) -> type["BaseModel"]:
        """The model itself."""
        found: type[BaseModel] = getattr(import_module(self.module), self.name)
        return found

    def read(self, value: object) -> "BaseModel":
        """A table. Raises ValidationError; pydantic puts its errors under where the table is."""
        return self.model.model_validate(value)

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: "GetCoreSchemaHandler"
    ) -> "CoreSchema":
        """A call of ``read``."""
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(self.read)


def inner_model(annotation: Any) -> tuple[Any, bool]:
    """The model in ``Model``, ``Model | None`` or ``tuple[Model, ...]``, whether it is there or
    comes later; and whether it is an array. (None, False) where there is none."""
    if hasattr(annotation, "model_fields"):
        return annotation, False
    for mark in getattr(annotation, "__metadata__", ()):
        if isinstance(mark, Later):
            return mark.model, False
    for argument in getattr(annotation, "__args__", ()):
        model, _ = inner_model(argument)
        if model is not None:
            return model, getattr(annotation, "__origin__", None) is tuple
    return None, False
