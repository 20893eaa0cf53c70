"""One kernel command line argument (lib/cmdline.c next_arg, kernel-parameters.rst)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from specs.values.base import Value

if TYPE_CHECKING:
    from typing_extensions import Self

_WORD = re.compile(r'(?:"[^"]*(?:"|$)|[^ "])+')


@dataclass(frozen=True, slots=True, eq=False)
class KernelArg(Value):
    """``name`` or ``name=value`` as one token; ``value`` is without its double quotes.

    Equal when the kernel takes them for equal: ``-`` and ``_`` are the same in names.
    Whether an argument may be set at all is not decided here.
    """

    text: str
    name: str = field(init=False)
    value: str | None = field(init=False)

    EXPECTED: ClassVar = 'one kernel argument, "name" or "name=value"'
    PATTERN: ClassVar = "^[^= ]"
    EXAMPLES: ClassVar = ("mitigations=auto", "nosmt")

    def __post_init__(self) -> None:
        name, value = _split(self.text)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "value", value)

    @classmethod
    def parse(cls, text: str) -> Self:
        """From one token; ValueError for none, for several, and for one without a name."""
        words = _WORD.findall(text)
        if len(words) > 1:
            separate = ", ".join(f"'{word}'" if '"' in word else f'"{word}"' for word in words)
            raise cls.refuse(text, f"holds {len(words)} arguments: write {separate}")
        if words != [text]:
            raise cls.refuse(text, "has spaces around it" if words else "")
        arg = cls(text)
        if not arg.name:
            raise cls.refuse(text, "has no name")
        return arg

    @property
    def key(self) -> tuple[str, str | None]:
        """What the kernel compares: the name with ``_`` for ``-``, and the value verbatim."""
        return self.name.replace("-", "_"), self.value

    def covers(self, other: KernelArg) -> bool:
        """Whether a wish for the absence of ``self`` removes ``other``: NAME, or NAME=VALUE."""
        return self.key[0] == other.key[0] and self.value in (None, other.value)

    def __eq__(self, other: object) -> bool:
        return self.key == other.key if isinstance(other, KernelArg) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return self.text


def _split(text: str) -> tuple[str, str | None]:
    """Name and value the way next_arg() cuts them, quotes around either taken off."""
    if text.startswith('"'):
        text = text[1:].removesuffix('"')
    name, equals, value = text.partition("=")
    if value.startswith('"'):
        value = value[1:].removesuffix('"')
    return name, value if equals else None
