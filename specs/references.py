"""Names that one table gives and another uses; on plain data, so that they are checked even
where something else in a table is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from specs.paths import Loc, path_text
from specs.problems import did_you_mean
from specs.values import PciAddress
from specs.values.base import quoted

Reference = tuple[Loc, str, str]
"""Where, message, hint."""

_FUNCTIONS = 8


def reference_problems(data: Mapping[str, Any]) -> Iterator[Reference]:
    """Names and addresses that are there twice, and devices of VMs that are nowhere declared."""
    devices, sriov, vms = (_tables(data, key) for key in ("device", "sriov", "vm"))
    yield from _twice([*devices, *sriov], "name", str)
    yield from _twice(vms, "name", str)
    yield from _twice([*devices, *sriov], "address", _address)
    singles = _singles(devices, sriov)
    names = {str(table["name"]) for _, table in devices if _is_text(table.get("name"))}
    yield from _vf_clashes(devices, sriov, singles)
    known = [*names, *(f"{name}.0" for name in singles if name not in names)]
    for loc, vm in vms:
        wanted = vm.get("devices")
        for index, name in enumerate(wanted if isinstance(wanted, list) else ()):
            if _is_text(name) and name not in names and not _is_single(name, singles):
                yield (*loc, "devices", index), *_undeclared(name, singles, known)


def _tables(data: Mapping[str, Any], key: str) -> list[tuple[Loc, Mapping[str, Any]]]:
    found = data.get(key)
    items = enumerate(found if isinstance(found, list) else ())
    return [((key, index), item) for index, item in items if isinstance(item, dict)]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def _address(text: str) -> object:
    """Two spellings of one address are one address."""
    try:
        return PciAddress.parse(text)
    except ValueError:
        return text


def _twice(
    tables: list[tuple[Loc, Mapping[str, Any]]], key: str, canonical: Any
) -> Iterator[Reference]:
    """Tables whose value of ``key`` another one has already."""
    first: dict[object, Loc] = {}
    for loc, table in tables:
        text = table.get(key)
        if isinstance(text, str) and text:
            value = canonical(text)
            if value in first:
                yield (
                    (*loc, key),
                    f"{quoted(text)} is the {key} of {path_text(first[value])} too",
                    "",
                )
            first.setdefault(value, loc)


def _singles(
    devices: list[tuple[Loc, Mapping[str, Any]]], sriov: list[tuple[Loc, Mapping[str, Any]]]
) -> dict[str, int]:
    """How many functions ``NAME.0``, ``NAME.1``, ... each name has."""
    counts: dict[str, int] = {}
    for _, table in devices:
        count = _FUNCTIONS if table.get("multifunction") is True else table.get("count", 1)
        if _is_text(table.get("name")):
            counts[table["name"]] = count if isinstance(count, int) else 1 << 16
    for _, table in sriov:
        vfs = table.get("vfs")
        if _is_text(table.get("name")):
            counts[table["name"]] = vfs if isinstance(vfs, int) else 1 << 16
    return counts


def _is_single(name: str, singles: Mapping[str, int]) -> bool:
    base, _, number = name.rpartition(".")
    return (
        base in singles
        and number.isdecimal()
        and str(int(number[:9])) == number
        and int(number) < singles[base]
    )


def _vf_clashes(
    devices: list[tuple[Loc, Mapping[str, Any]]],
    sriov: list[tuple[Loc, Mapping[str, Any]]],
    singles: Mapping[str, int],
) -> Iterator[Reference]:
    """A device may not be called like a VF."""
    for loc, table in [*devices, *sriov]:
        name = table.get("name")
        if isinstance(name, str) and _is_single(name, singles):
            base = name.rpartition(".")[0]
            yield (*loc, "name"), f"{quoted(name)} is the name of a function of {quoted(base)}", ""


def _undeclared(name: str, singles: Mapping[str, int], known: list[str]) -> tuple[str, str]:
    base = name.rpartition(".")[0]
    owner = name if name in singles else base
    if owner not in singles:
        message = f"no [[device]] and no VF has the name {quoted(name)}"
        return message, did_you_mean(name, known) or _declared(known)
    last = singles[owner] - 1
    have = (
        f'{quoted(owner)} has "{owner}.0" to "{owner}.{last}"'
        if last >= 0
        else f"{quoted(owner)} has no functions"
    )
    if owner == name:
        return f"{quoted(name)} is a set of VFs, a VM gets single ones", have
    return f"there is no {quoted(name)}", have


def _declared(known: list[str]) -> str:
    if not known:
        return "this spec declares no device"
    shown = ", ".join(quoted(name) for name in sorted(known)[:8])
    return f"declared are {shown}{' and others' if len(known) > 8 else ''}"
