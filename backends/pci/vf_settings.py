"""What physical functions have set for their VFs, as iproute2 tells it (ip-link(8), "vf")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from backends.formats import json_text
from backends.pci.functions import PciState
from backends.reader import Reader
from specs.record import Record


class VfSettings(Record):
    """Of one VF; None where the driver does not tell."""

    mac: str | None = None
    vlan: int | None = None
    trust: bool | None = None
    spoofchk: bool | None = None


# Where distributions have ip(8); udev(7) wants the absolute path of a program that a rule runs.
_IP = ("/usr/sbin/ip", "/usr/bin/ip", "/sbin/ip", "/bin/ip", "/run/current-system/sw/bin/ip")

Settings = Mapping[str, Mapping[int, VfSettings]]
"""By interface of the physical function, by number of the VF."""


def observe_ip(reader: Reader, pci: PciState) -> str:
    """The path of ip(8) on a host that may have VFs; that of most where there is none."""
    asked = _IP if any(f.sriov is not None for f in pci) else ()
    return next((path for path in asked if reader.exists(path)), _IP[0])


def observe_vf_settings(reader: Reader, pci: PciState) -> Settings:
    """One look at all links; none where no interface has VFs."""
    if not any(f.sriov is not None and f.sriov.num and f.interfaces for f in pci):
        return {}
    done = reader.output(["ip", "-json", "link", "show"])
    return parse_links(done.out) if done is not None and done.rc == 0 else {}


def parse_links(text: str) -> dict[str, dict[int, VfSettings]]:
    """From ``ip -json link show``."""
    try:
        links = json_text.loads(text)
    except ValueError:
        return {}
    found = {}
    for link in links if isinstance(links, list) else []:
        infos = link.get("vfinfo_list") if isinstance(link, dict) else None
        if isinstance(infos, list):
            items = [i for i in infos if isinstance(i, dict) and isinstance(i.get("vf"), int)]
            found[str(link.get("ifname"))] = {i["vf"]: _settings(i) for i in items}
    return found


def _settings(info: Mapping[str, Any]) -> VfSettings:
    # "mac" in iproute2 before 5.1, "address" since.
    mac = info.get("address", info.get("mac"))
    vlans = info.get("vlan_list")
    first = vlans[0] if isinstance(vlans, list) and vlans else {}
    vlan = first.get("vlan", 0) if isinstance(first, dict) else 0
    return VfSettings(
        mac=None if mac is None else str(mac).lower(),
        vlan=vlan if isinstance(vlan, int) else 0,
        trust=_flag(info.get("trust")),
        spoofchk=_flag(info.get("spoofchk")),
    )


def _flag(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"on": True, "off": False}.get(str(value))
