"""TuneD's profiles and files of variables, read as TuneD reads them (tuned.conf(5)).

Source of what the manual leaves open: tuned/profiles/{loader,merger,variables}.py of 2.20.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Iterable, Mapping

Sections = Mapping[str, Mapping[str, str]]
_TRUE = ("1", "true", "True")
_OWN = ("type", "enabled", "replace", "drop")  # each profile says these anew
_NAME = re.compile(r"\w+$")
_VARIABLE = re.compile(r"(?<!\\)\$\{(\w+)\}")


def parse_profile(text: str) -> Sections:
    """Options by section as written, the last of a name; nothing where TuneD refuses the file."""
    return _parsed(text)


def parse_variables(text: str) -> tuple[tuple[str, str], ...]:
    """The lines ``name=value`` of a file that ``[variables] include=`` names, in order; it has no
    sections of its own, and those that it has after all count as well."""
    found = _parsed(f"[variables]\n{text}", allow_no_value=True)
    options = (pair for section in found.values() for pair in section.items())
    return tuple((name, said) for name, said in options if said is not None and _NAME.match(name))


def _parsed(text: str, *, allow_no_value: bool = False) -> Sections:
    parser = configparser.ConfigParser(
        delimiters=("=",),
        inline_comment_prefixes=("#",),
        allow_no_value=allow_no_value,
        strict=False,
        interpolation=None,
    )
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(text)
    except (configparser.Error, AttributeError):  # AttributeError: more of a value that is none
        return {}
    return {name: dict(parser[name]) for name in parser.sections()}


def merged(profiles: Iterable[Sections]) -> Sections:
    """One profile out of several, the later over the earlier; a later ``drop=`` takes options out
    of what was before, ``replace=`` all of it. Sections that are not ``enabled`` are left out."""
    whole: dict[str, Mapping[str, str]] = {}
    for profile in profiles:
        for name, options in profile.items():
            gone = {*_OWN, *re.split(r"\b\s*[,;]\s*", options.get("drop", ""))}
            before = {} if options.get("replace") in _TRUE else whole.get(name, {})
            whole[name] = {**{k: v for k, v in before.items() if k not in gone}, **options}
    return {name: o for name, o in whole.items() if o.get("enabled", "1") in _TRUE}


def defined(variables: Mapping[str, str], texts: Mapping[str, str | None]) -> Mapping[str, str]:
    """The variables of a profile; ``texts`` are the files that it may include, by path. A value
    holds the variables before it; one that TuneD's functions make is not known."""
    known: dict[str, str] = {}
    for name, value in variables.items():
        included = name == "include"
        read = parse_variables(texts.get(value) or "") if included else ((name, value),)
        for one, said in read:
            known[one] = expand(said, known)
    return {name: value for name, value in known.items() if "${f:" not in value}


def expand(value: str, variables: Mapping[str, str]) -> str:
    """The value with what is known in place of ``${name}``; ``$`` behind a backslash is none."""
    return _VARIABLE.sub(lambda found: variables.get(found[1], found[0]), value)
