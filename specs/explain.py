"""What pydantic found, in the user's words: what is there, what is expected, what was meant."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from specs.later import inner_model
from specs.paths import Loc, path_text
from specs.problems import did_you_mean
from specs.record import Record
from specs.values.base import quoted, toml_kind


class Explained(Record):
    """One problem at a path; ``at_key`` says that the key itself is wrong, not its value."""

    loc: Loc
    message: str
    hint: str = ""
    at_key: bool = False


def explain(error: Mapping[str, Any]) -> Explained:
    """One entry of ``ValidationError.errors()``."""
    loc, kind, context = tuple(error["loc"]), error["type"], error.get("ctx", {})
    if kind == "spec":
        return Explained(loc, context["message"], context["hint"])
    if kind == "value_error":
        return Explained(loc, str(context["error"]), _text_hint(context["error"], error["input"]))
    if kind == "extra_forbidden":
        return _unknown_key(loc)
    if kind == "missing":
        return _missing(loc)
    return _wrong_value(loc, kind, context, error["input"])


def _wrong_value(loc: Loc, kind: str, context: Mapping[str, Any], found: Any) -> Explained:
    expected = {
        "int_type": "a whole number",
        "bool_type": "true or false",
        "string_type": "a string",
        "literal_error": str(context.get("expected", "")).replace("'", '"'),
        "greater_than_equal": f"{context.get('ge')} or more",
        "less_than_equal": f"{context.get('le')} or less",
        "too_short": "at least one entry",
        "tuple_type": "an array",
        "model_type": "a table",
    }.get(kind)
    if expected is None:
        return Explained(loc, f"found {_shown(found)}; {kind.replace('_', ' ')}")
    if kind == "literal_error" and isinstance(found, str):
        return Explained(loc, _found(found, expected), _near_literal(found, expected))
    return Explained(loc, _found(found, expected), _hint(loc, kind, found), kind == "model_type")


def _found(found: Any, expected: str) -> str:
    return f"found {_shown(found)}; expected {expected}"


def _near_literal(found: str, expected: str) -> str:
    return did_you_mean(found, expected.split('"')[1::2])


def _shown(value: Any) -> str:
    """A TOML value as it is written, or what it is."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)[:40] if not isinstance(value, int) or abs(value) < 10**30 else "a number"
    return "an empty array" if value == [] else toml_kind(value)


def _text_hint(error: Exception, found: Any) -> str:
    """CPU numbers outside quotes, as the string that they should be."""
    numbers = found if isinstance(found, list) else [found]
    if "CPU list" not in str(error) or not all(type(number) is int for number in numbers):
        return ""
    return f"as text: {quoted(','.join(str(number) for number in numbers[:20]))}" if numbers else ""


def _hint(loc: Loc, kind: str, found: Any) -> str:
    """How to write it, where the kind of mistake tells."""
    key = next((str(part) for part in reversed(loc) if isinstance(part, str)), "")
    if kind == "int_type" and isinstance(found, str) and found.isdecimal():
        return f"without quotes: {found[:20]}"
    if kind == "string_type" and isinstance(found, (int, float)) and not isinstance(found, bool):
        return f'in quotes: "{_shown(found)}"'
    if kind == "bool_type" and isinstance(found, str) and found.lower() in ("true", "false"):
        return f"without quotes: {found.lower()}"
    if kind == "tuple_type" and _model_at(loc) is not None:
        return f"with double brackets: [[{_header(loc)}]]"
    if kind == "tuple_type" and isinstance(found, str) and key.endswith("kernel_args"):
        return f"in brackets: {key} = [{', '.join(quoted(arg) for arg in found[:200].split())}]"
    if kind == "tuple_type" and isinstance(found, (str, int)):
        return f"in brackets: {key} = [{_shown(found)}]"
    if kind == "model_type" and isinstance(found, list):
        return f"with single brackets, once: [{_header(loc)}]"
    return ""


def _header(loc: Loc) -> str:
    """The name of a table as it stands in its brackets: without numbers."""
    return path_text(tuple(part for part in loc if isinstance(part, str)))


def _missing(loc: Loc) -> Explained:
    field = dict(_fields(_model_at(loc[:-1]))).get(str(loc[-1]))
    only: tuple[Any, ...] = getattr(getattr(field, "annotation", None), "__args__", ())
    if len(only) == 1 and isinstance(only[0], int):
        return Explained(
            loc, f"{quoted(str(loc[-1]))} is missing", f"add {loc[-1]} = {only[0]}", True
        )
    about = (getattr(field, "description", "") or "").partition(". ")[0].rstrip(".")
    example = next((found for found in getattr(field, "examples", None) or () if found), None)
    if isinstance(example, (str, int)):
        about = f"add one, such as {loc[-1]} = {_shown(example)}: {about[:1].lower()}{about[1:]}"
    return Explained(loc, f"{quoted(str(loc[-1]))} is missing", about, at_key=True)


def _unknown_key(loc: Loc) -> Explained:
    """With the nearest key of the same table, or the table that the key belongs to."""
    key, model = str(loc[-1]), _model_at(loc[:-1])
    known = [name for name, _ in _fields(model)]
    hint = did_you_mean(key, known) or _elsewhere(key) or f"known here: {', '.join(known)}"
    return Explained(loc, f"unknown key {quoted(key)}", hint, at_key=True)


def _elsewhere(key: str) -> str:
    """Where a key that is known in another table belongs."""
    places = dict.fromkeys(path for path, name in _all_keys() if name == key)
    return f"{quoted(key)} belongs in {' or '.join(list(places)[:3])}" if places else ""


@cache
def _all_keys() -> tuple[tuple[str, str], ...]:
    """Every key of the format with its table, as ``[cpu]`` or ``[[device]]``."""
    from specs.spec import HostSpec

    found: list[tuple[str, str]] = []
    models: list[tuple[str, bool, Any]] = [("", False, HostSpec)]
    for path, many, model in models:
        shown = f"[[{path}]]" if many else f"[{path}]"
        for name, field in _fields(model):
            if path:
                found.append((shown, name))
            inner, inner_many = inner_model(field.annotation)
            if inner is not None:
                models.append((f"{path}.{name}" if path else name, inner_many, inner))
    return tuple(found)


def _fields(model: Any) -> list[tuple[str, Any]]:
    """The keys of a model as a spec writes them."""
    fields = getattr(model, "model_fields", {})
    return [(field.alias or name, field) for name, field in fields.items()]


def _model_at(loc: Loc) -> Any:
    """The model of the table at ``loc``."""
    from specs.spec import HostSpec

    model: Any = HostSpec
    for part in loc:
        if isinstance(part, str):
            field = dict(_fields(model)).get(part)
            model = None if field is None else inner_model(field.annotation)[0]
    return model
