"""Routes and addresses as the kernel and iproute2 print them (proc(5), ip-route(8) with -json)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from backends.formats import json_text
from specs.record import Record

_UP = 0x1  # RTF_UP, include/uapi/linux/route.h
_REJECT = 0x200  # RTF_REJECT

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


class Route(Record):
    """Where packets to ``network`` leave. A multipath route is several of these."""

    network: Network
    interface: str

    @property
    def is_default(self) -> bool:
        """The route of everything that no other route takes."""
        return self.network.prefixlen == 0


def parse_proc_route(text: str) -> tuple[Route, ...]:
    """/proc/net/route: the main IPv4 table, addresses as host-endian hex (little-endian here)."""
    found = (_v4(line.split()) for line in text.splitlines()[1:])
    return tuple(route for route in found if route is not None)


def _v4(fields: list[str]) -> Route | None:
    try:
        name, destination, flags, mask = fields[0], fields[1], int(fields[3], 16), fields[7]
        if not flags & _UP or flags & _REJECT:
            return None
        length = bin(int(mask, 16)).count("1")
        address = IPv4Address(bytes.fromhex(destination)[::-1])
        return Route(IPv4Network((address, length), strict=False), name)
    except (IndexError, ValueError):
        return None


def parse_proc_ipv6_route(text: str) -> tuple[Route, ...]:
    """/proc/net/ipv6_route: destination, prefix length (hex) ... flags, interface."""
    found = (_v6(line.split()) for line in text.splitlines())
    return tuple(route for route in found if route is not None)


def _v6(fields: list[str]) -> Route | None:
    try:
        flags, name = int(fields[8], 16), fields[9]
        # lo holds the "unreachable default" that every host has.
        if not flags & _UP or flags & _REJECT or name == "lo":
            return None
        address = IPv6Address(bytes.fromhex(fields[0]))
        return Route(IPv6Network((address, int(fields[1], 16)), strict=False), name)
    except (IndexError, ValueError):
        return None


def parse_ip_json(text: str) -> tuple[Route, ...]:
    """``ip -json route show table all``: unicast routes, next hops taken apart."""
    out: list[Route] = []
    for item in _items(text):
        network = _network(str(item.get("dst", "")))
        if item.get("type", "unicast") == "unicast" and network is not None:
            out += [Route(network, name) for name in _hops(item)]
    return tuple(out)


def _hops(item: dict[str, Any]) -> Iterable[str]:
    hops = [item, *(hop for hop in item.get("nexthops", ()) if isinstance(hop, dict))]
    return [str(hop["dev"]) for hop in hops if hop.get("dev")]


def _network(text: str) -> Network | None:
    # Without -6, iproute2 prints the default routes of both families as "default"; the family
    # does not matter to who carries it.
    try:
        return ip_network("0.0.0.0/0" if text == "default" else text, strict=False)
    except ValueError:
        return None


def parse_addr_json(text: str) -> tuple[tuple[str, Address], ...]:
    """``ip -json address``: (interface, address) of every global address."""
    out = []
    for item in _items(text):
        infos = item.get("addr_info", ())
        for info in (i for i in infos if isinstance(i, dict)) if isinstance(infos, list) else ():
            address = parse_address(str(info.get("local", "")))
            if address is not None and info.get("scope") == "global":
                out.append((str(item.get("ifname", "")), address))
    return tuple(out)


def parse_if_inet6(text: str) -> tuple[tuple[str, Address], ...]:
    """/proc/net/if_inet6: (interface, address) of every global address (scope 00)."""
    out: list[tuple[str, Address]] = []
    for fields in (line.split() for line in text.splitlines()):
        address = _hex_address(fields[0]) if len(fields) >= 6 and fields[3] == "00" else None
        if address is not None:
            out.append((fields[5], address))
    return tuple(out)


def parse_fib_trie(text: str) -> tuple[Address, ...]:
    """/proc/net/fib_trie: the host's own IPv4 addresses, loopback left out."""
    out: dict[Address, None] = {}
    last: Address | None = None
    for line in text.splitlines():
        words = line.split()
        if words[:1] == ["|--"] and len(words) == 2:
            last = parse_address(words[1])
        elif words[:3] == ["/32", "host", "LOCAL"] and last is not None:
            out[last] = None
    return tuple(a for a in out if not a.is_loopback)


def parse_tcp(text: str, ports: frozenset[int]) -> tuple[Address, ...]:
    """/proc/net/tcp and tcp6: local addresses of established connections to these local ports."""
    hexed = {f"{port:04X}" for port in ports}
    out: dict[Address, None] = {}
    for fields in (line.split() for line in text.splitlines()[1:]):
        if len(fields) > 3 and fields[3] == "01":  # TCP_ESTABLISHED, include/net/tcp_states.h
            host, _, port = fields[1].partition(":")
            address = _socket_address(host) if port in hexed else None
            if address is not None:
                out[address] = None
    return tuple(out)


def _hex_address(text: str) -> Address | None:
    """An IPv6 address of 32 hex digits."""
    try:
        return IPv6Address(bytes.fromhex(text))
    except ValueError:
        return None


def _socket_address(host: str) -> Address | None:
    # Printed as host-endian 32-bit words: net/ipv6/tcp_ipv6.c.
    words = re.findall("..", host)
    turned = "".join("".join(reversed(words[i : i + 4])) for i in range(0, len(words), 4))
    if len(turned) != 8:
        address = _hex_address(turned)
        return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address
    try:
        return IPv4Address(int(turned, 16))
    except ValueError:
        return None


def parse_bonding(text: str) -> list[str]:
    """Members of a bond, from /proc/net/bonding/NAME (drivers/net/bonding/bond_procfs.c)."""
    pairs = (line.partition(":") for line in text.splitlines())
    return [value.strip() for key, _, value in pairs if key == "Slave Interface"]


def parse_vlan(text: str) -> list[str]:
    """The interface below a VLAN, from /proc/net/vlan/NAME (net/8021q/vlanproc.c)."""
    pairs = (line.partition(":") for line in text.splitlines())
    return [value.strip() for key, _, value in pairs if key == "Device" and value.strip()]


def parse_address(text: str) -> Address | None:
    """An IP address, brackets and zone left out, or None."""
    try:
        return ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None


def _items(text: str) -> list[dict[str, Any]]:
    try:
        data = json_text.loads(text)
    except ValueError:
        return []
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []
