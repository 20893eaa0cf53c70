"""What the host needs: every stack from a route or an address down to PCI functions."""

from __future__ import annotations

import pytest

from tests.devices.needs import needs_of, nics, said
from tests.simulator.tree import TreeBuilder


def test_default_route_through_vlan_on_bridge_on_bond(tree: TreeBuilder) -> None:
    first, second = nics(tree, "0000:02:00.0", "0000:02:00.1")
    tree.virtual_nic("bond0", first, second)
    tree.virtual_nic("vnet0")
    tree.virtual_nic("br0", "bond0", "vnet0", marker="bridge")
    tree.virtual_nic("br0.7", "br0")
    tree.default_route("br0.7")
    needs = needs_of(tree)
    words = ["default route (br0.7)"]
    assert said(needs) == {"0000:02:00.0": words, "0000:02:00.1": words}
    assert needs.unresolved == ()


@pytest.mark.parametrize("how", ["brif", "slaves"])
def test_older_links_to_lower_interfaces(tree: TreeBuilder, how: str) -> None:
    (nic,) = nics(tree, "0000:02:00.0")
    tree.virtual_nic("top")
    if how == "brif":
        tree.mkdir(f"/sys/devices/virtual/net/top/brif/{nic}")
    else:
        tree.write("/sys/devices/virtual/net/top/bonding/slaves", f"{nic}\n")
    tree.default_route("top")
    assert set(said(needs_of(tree))) == {"0000:02:00.0"}


def test_a_virtual_function_needs_its_physical_one(tree: TreeBuilder) -> None:
    nics(tree)
    pf = tree.function("0000:3b:00.0", "0x020000", "8086:1572", driver="i40e")
    vf = tree.function("0000:3b:02.0", "0x020000", "8086:154c", driver="iavf")
    tree.link(f"{vf}/physfn", pf)
    tree.default_route(tree.nic("ens1v0", vf))
    assert set(said(needs_of(tree))) == {"0000:3b:00.0", "0000:3b:02.0"}


def test_virtio_and_usb_nics(tree: TreeBuilder) -> None:
    nics(tree)
    virtio = tree.function("0000:00:03.0", "0x020000", "1af4:1041", driver="virtio-pci")
    tree.default_route(tree.nic("eth0", f"{virtio}/virtio0"))
    xhci = tree.function("0000:00:14.0", "0x0c0330", "8086:a12f", driver="xhci_hcd")
    tree.default_route(tree.nic("usb0", f"{xhci}/usb1/1-1/1-1:1.0"))
    assert set(said(needs_of(tree))) == {"0000:00:03.0", "0000:00:14.0"}


def test_open_vswitch_ports_are_those_of_the_datapath(tree: TreeBuilder) -> None:
    (nic,) = nics(tree, "0000:02:00.0")
    tree.virtual_nic("ovs-system", nic)
    tree.virtual_nic("br-ex")
    tree.default_route("br-ex")
    assert said(needs_of(tree)) == {"0000:02:00.0": ["default route (br-ex)"]}


def test_a_tunnel_with_the_default_route_is_unresolved(tree: TreeBuilder) -> None:
    nics(tree, "0000:02:00.0")
    tree.virtual_nic("wg0")
    tree.default_route("wg0")
    (item,) = needs_of(tree).unresolved
    assert (item.area, item.what) == ("network", "default route (wg0)")
    assert item.could_be("02")
    assert not item.could_be("03")


@pytest.mark.parametrize("kind", ["65534", "778"])
def test_a_tunnel_may_use_every_interface_with_an_address(tree: TreeBuilder, kind: str) -> None:
    """A session over a VPN must not make every disk and card of the host "in use"."""
    nics(tree, "0000:02:00.0", "0000:03:00.0")
    tree.virtual_nic("wg0")
    tree.write("/sys/class/net/wg0/type", kind + "\n")
    tree.virtual_nic("br0", "eth0")
    tree.default_route("wg0")
    addresses = (
        '[{"ifname":"br0","addr_info":[{"local":"192.0.2.9","scope":"global"}]},'
        '{"ifname":"wg0","addr_info":[{"local":"10.9.0.2","scope":"global"}]}]'
    )
    tree.program(["ip", "-json", "address", "show"], addresses)
    tree.mount("tmpfs", "/", "tmpfs")
    needs = needs_of(tree, "10.9.0.1 50000 10.9.0.2 22")
    assert needs.unresolved == ()
    assert said(needs)["0000:02:00.0"][:2] == ["default route (wg0)", "this SSH session (wg0)"]
    assert "0000:03:00.0" not in said(needs)


def test_only_address_without_default_route(tree: TreeBuilder) -> None:
    first, second = nics(tree, "0000:02:00.0", "0000:03:00.0")
    one = '[{"ifname":"eth0","addr_info":[{"local":"10.0.0.2","scope":"global"}]}]'
    tree.program(["ip", "-json", "address", "show"], one)
    assert said(needs_of(tree)) == {"0000:02:00.0": ["the only address (eth0)"]}
    two = one[:-1] + ',{"ifname":"eth1","addr_info":[{"local":"10.1.0.2","scope":"global"}]}]'
    tree.program(["ip", "-json", "address", "show"], two)
    assert said(needs_of(tree)) == {
        "0000:02:00.0": [f"address on {first}"],
        "0000:03:00.0": [f"address on {second}"],
    }


def test_addresses_without_iproute2(tree: TreeBuilder) -> None:
    nics(tree, "0000:02:00.0")
    tree.subnet("eth0", "0000000A", "00FFFFFF")
    trie = "Local:\n  +-- 0.0.0.0/0 2 0 2\n     |-- 10.0.0.2\n        /32 host LOCAL\n"
    tree.write("/proc/net/fib_trie", trie)
    assert said(needs_of(tree)) == {"0000:02:00.0": ["the only address (eth0)"]}


def test_policy_routes_and_multipath_count(tree: TreeBuilder) -> None:
    nics(tree, "0000:02:00.0", "0000:03:00.0", "0000:04:00.0")
    routes = (
        '[{"dst":"default","nexthops":[{"dev":"eth0"},{"dev":"eth1"}]},'
        '{"dst":"default","dev":"eth2","table":"100"},{"type":"blackhole","dst":"default"}]'
    )
    tree.program(["ip", "-json", "-4", "route", "show", "table", "all"], routes)
    assert set(said(needs_of(tree))) == {"0000:02:00.0", "0000:03:00.0", "0000:04:00.0"}


def test_the_ssh_session(tree: TreeBuilder) -> None:
    nics(tree, "0000:02:00.0", "0000:03:00.0")
    addresses = (
        '[{"ifname":"eth0","addr_info":[{"local":"192.0.2.9","scope":"global"}]},'
        '{"ifname":"eth1","addr_info":[{"local":"fd00::7","scope":"global"}]}]'
    )
    tree.program(["ip", "-json", "address", "show"], addresses)
    found = said(needs_of(tree, "192.0.2.1 50000 192.0.2.9 2222"))
    assert found["0000:02:00.0"] == ["this SSH session (eth0)", "address on eth0"]
    assert found["0000:03:00.0"] == ["address on eth1"]
    # sudo drops the variable; the connection itself is still there (port 22 is 0016).
    local = "000000FD000000000000000007000000"
    tree.write("/proc/net/tcp6", f"head\n 0: {local}:0016 {local}:C350 01 0 0 0\n")
    assert said(needs_of(tree))["0000:03:00.0"][0] == "this SSH session (eth1)"


def test_iscsi_and_nfs_use_the_nic_towards_the_server(tree: TreeBuilder) -> None:
    nics(tree, "0000:02:00.0", "0000:03:00.0")
    tree.default_route("eth0")
    tree.subnet("eth1", "0000010A", "00FFFFFF")
    session = "/sys/devices/platform/host3/session1"
    tree.write(f"{session}/connection1:0/iscsi_connection/connection1:0/address", "10.1.0.5\n")
    path = f"{session}/target3:0:0/3:0:0:0/block/sdz"
    tree.mkdir(f"{path}/slaves")
    tree.mount(tree.block(path), "/srv")
    tree.mount("10.1.0.9:/export", "/home", "nfs4", "rw,addr=10.1.0.9")
    found = said(needs_of(tree))
    assert found["0000:03:00.0"] == ["/home", "/srv"]
    assert found["0000:02:00.0"] == ["default route (eth0)"]


def test_nvme_over_tcp(tree: TreeBuilder) -> None:
    nics(tree, "0000:02:00.0")
    tree.default_route("eth0")
    control = "/sys/devices/virtual/nvme-fabrics/ctl/nvme1"
    tree.write(f"{control}/transport", "tcp\n")
    tree.write(f"{control}/address", "traddr=10.9.9.9,trsvcid=4420\n")
    tree.mkdir(f"{control}/nvme1n1/slaves")
    tree.mount(tree.block(f"{control}/nvme1n1"), "/data")
    assert said(needs_of(tree))["0000:02:00.0"] == ["default route (eth0)", "/data"]
