"""The kernel's tables of routes, addresses and connections: whatever a copy of them holds."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.formats import routes

TABLES: tuple[Callable[[str], object], ...] = (
    routes.parse_proc_route,
    routes.parse_proc_ipv6_route,
    routes.parse_ip_json,
    routes.parse_addr_json,
    routes.parse_if_inet6,
    routes.parse_fib_trie,
    lambda text: routes.parse_tcp(text, frozenset({22})),
    routes.parse_bonding,
    routes.parse_vlan,
)
WORDS = st.sampled_from(
    [
        "eth0",
        "00000000",
        "0003",
        "zz",
        "fd00000000000000000000000000000z",
        "/32",
        "host",
        "LOCAL",
        "|--",
        "10.0.0",
        "0016",
        ":",
        "01",
        "00",
        "0100007F:0016",
        "[{}]",
        '{"dst":',
    ]
)
LINES = st.lists(st.lists(WORDS, max_size=11).map(" ".join), max_size=5).map("\n".join)


@pytest.mark.parametrize("parse", TABLES)
@given(text=LINES | st.text(max_size=80))
def test_whatever_is_no_table_says_nothing(parse: Callable[[str], object], text: str) -> None:
    assert parse(text) is not None


@pytest.mark.parametrize(
    ("socket", "address"),
    [
        ("0900000A:0016", "10.0.0.9"),
        ("000000FD000000000000000007000000:0016", "fd00::7"),
        ("0000000000000000FFFF00000900000A:0016", "10.0.0.9"),
        ("0900000A:0050", None),
        ("0900000:0016", None),
    ],
)
def test_local_ends_of_connections(socket: str, address: str | None) -> None:
    found = routes.parse_tcp(f"head\n 0: {socket} 0B00000A:C350 01 0\n", frozenset({22}))
    assert found == ((ip_address(address),) if address else ())


def test_interfaces_below_bonds_and_vlans() -> None:
    bond = (
        "Bonding Mode: x\nCurrently Active Slave: eth1\n\nSlave Interface: eth0\nMII Status: up\n"
    )
    assert routes.parse_bonding(f"{bond}\nSlave Interface: eth1\n") == ["eth0", "eth1"]
    assert routes.parse_vlan("v5  VID: 5\t REORDER_HDR: 1\n\nDevice: eth0\nINGRESS\n") == ["eth0"]
