"""What the tables are built from: the base model, arrays, and kinds of text."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, WrapValidator

from specs.problems import did_you_mean, problem
from specs.record import Record
from specs.values import CpuSet, MemorySize
from specs.values.base import refusal

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

T = TypeVar("T")


class Table(BaseModel):
    """A TOML table: frozen, unknown keys are errors, no value is bent into another type."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


def optional_table(description: str) -> Any:
    """A field for a table that may be absent; then it is there with nothing declared."""
    return Field(default={}, validate_default=True, description=description)


Items = Annotated[tuple[T, ...], Field(strict=False)]
"""A TOML array, kept as a tuple."""


class Text(Record):
    """Metadata of a ``str`` field: what it must match; ``expected`` completes "expected ..."."""

    pattern: str
    expected: str
    canonical: Callable[[str], str] = str

    def check(self, text: str) -> str:
        """The canonical text; ValueError when it does not match."""
        if not re.fullmatch(self.pattern, text):
            raise refusal(text, self.expected)
        return self.canonical(text)

    def __get_pydantic_core_schema__(
        self, source: type[Any], handler: "GetCoreSchemaHandler"
    ) -> "CoreSchema":
        """A string, then ``check``."""
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: "CoreSchema", handler: "GetJsonSchemaHandler"
    ) -> dict[str, Any]:
        """The pattern, for editors."""
        return handler(schema) | {"pattern": f"^(?:{self.pattern})$"}


_NO_CONTROL = r"[^\x00-\x1f\x7f]"

Name = Annotated[
    str,
    Text(
        r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}",
        "a name of at most 64 letters, digits and _ . : -, the first a letter or digit",
    ),
]
"""A name that the spec gives: of a device or a set of VFs."""

DomainName = Annotated[
    str,
    Text(
        r"[^/\s\x00-\x1f\x7f][^/\x00-\x1f\x7f]{0,127}",
        "the name of a libvirt domain: at most 128 characters, none of them /",
    ),
]
"""A libvirt domain name; libvirt makes a file name of it."""


def _driver(name: str) -> str:
    """The module's name stands for its driver, which is written otherwise."""
    return "vfio-pci" if name == "vfio_pci" else name


DriverName = Annotated[
    str, Text(r"[A-Za-z0-9_.-]{1,64}", 'the name of a kernel driver, such as "vfio-pci"', _driver)
]
"""A directory of /sys/bus/pci/drivers."""

HostPath = Annotated[
    str, Text(rf"/{_NO_CONTROL}*", "an absolute path, such as /usr/share/vgabios.rom")
]
"""A path on the host."""

SpecPath = Annotated[str, Text(rf"{_NO_CONTROL}+", "a path, absolute or relative to this file")]
"""A path that is relative to the file that names it."""

Word = Annotated[str, Text(r"[!-~]([ -~]{0,126}[!-~])?", "1 to 128 printable characters")]
"""Text that some part of the host gives, such as a serial number."""


def _unicast(mac: str) -> str:
    """Lower case; a group address or all zeroes belongs to no function."""
    if int(mac[:2], 16) & 1 or set(mac) == {"0", ":"}:
        raise refusal(mac, "the MAC address of one interface (not a group address, not all 0)")
    return mac.lower()


Mac = Annotated[
    str,
    Text(
        r"([0-9a-fA-F]{2}:){5}[0-9a-fA-F]{2}",
        "a MAC address such as 52:54:00:12:34:56",
        _unicast,
    ),
]
"""A unicast MAC address, lower case (IEEE 802)."""


def _flag_or_cpus(value: object, handler: Callable[[Any], Any]) -> bool | CpuSet:
    if isinstance(value, bool):
        return value
    if not isinstance(value, (str, CpuSet)):
        raise refusal(value, f"true, false or {CpuSet.EXPECTED}")
    return CpuSet.from_spec(value)


FlagOrCpus = Annotated[bool | CpuSet, WrapValidator(_flag_or_cpus)]
"""``true`` for the set that another key gives, or a CPU list of its own."""


def _unlimited_or_size(value: object, handler: Callable[[Any], Any]) -> str | MemorySize:
    if value == "unlimited":
        return "unlimited"
    try:
        return MemorySize.from_spec(value)
    except ValueError:
        expected = f'"unlimited" or {MemorySize.EXPECTED}'
        raise problem(str(refusal(value, expected)), _unlimited(value)) from None


def _unlimited(value: object) -> str:
    return did_you_mean(value, ("unlimited",)) if isinstance(value, str) else ""


UnlimitedOrSize = Annotated[Literal["unlimited"] | MemorySize, WrapValidator(_unlimited_or_size)]
"""``unlimited``, or an amount of memory."""
