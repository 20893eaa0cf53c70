"""From interfaces, routes and addresses down to PCI functions.

Sources: proc(5), net/core/dev.c (lower_* links), Documentation/ABI/testing/sysfs-class-net.
"""

from __future__ import annotations

from backends.formats import routes as fmt
from backends.needs.carriers import NOTHING, Carriers, Unresolved, union, unknown
from backends.needs.classes import class_device, hardware
from backends.pci import PciState
from backends.reader import Reader

NET = "/sys/class/net"
_SSH_PORT = 22
# ARPHRD_NONE (WireGuard, tun), TUNNEL, TUNNEL6, SIT, IPGRE, IP6GRE: include/uapi/linux/if_arp.h.
_TUNNELS = frozenset({"65534", "768", "769", "776", "778", "823"})


class Network:
    """Interfaces, routes and addresses of the host's network namespace; each is read once."""

    def __init__(self, reader: Reader, pci: PciState) -> None:
        self._reader = reader
        self._pci = pci
        self._paths = {**self._registered(), **self._unregistered()}
        self._known: dict[str, Carriers] = {}
        self.told = False
        self.routes = self._read_routes()
        self.addresses = self._read_addresses()

    def _registered(self) -> dict[str, str]:
        """bonding_masters is a file among the interfaces."""
        names = (n for n in self._reader.list(NET) if n != "bonding_masters")
        return {name: class_device(self._reader, f"{NET}/{name}") for name in names}

    def _unregistered(self) -> dict[str, str]:
        """Interfaces that only the directories of their functions show: some recordings."""
        found: dict[str, str] = {}
        for function in self._pci:
            found |= {n: f"{function.path}/net/{n}" for n in function.interfaces}
        return {name: path for name, path in found.items() if name not in self._reader.list(NET)}

    def _read_routes(self) -> tuple[fmt.Route, ...]:
        v4, v6 = (self._reader.read_text(f"/proc/net/{n}") for n in ("route", "ipv6_route"))
        found = fmt.parse_proc_route(v4 or "") + fmt.parse_proc_ipv6_route(v6 or "")
        asked = [
            self._reader.output(["ip", "-json", family, "route", "show", "table", "all"])
            for family in ("-4", "-6")
        ]
        told = [done.out for done in asked if done is not None and done.rc == 0]
        self.told = bool(told) or v4 is not None or v6 is not None
        found += tuple(route for text in told for route in fmt.parse_ip_json(text))
        return tuple(dict.fromkeys(found))

    def _read_addresses(self) -> tuple[tuple[str, fmt.Address], ...]:
        done = self._reader.output(["ip", "-json", "address", "show"])
        if done is not None and done.rc == 0:
            return fmt.parse_addr_json(done.out)
        found = fmt.parse_if_inet6(self._reader.read_text("/proc/net/if_inet6") or "")
        own = fmt.parse_fib_trie(self._reader.read_text("/proc/net/fib_trie") or "")
        pairs = ((self.route_interface(address), address) for address in own)
        return found + tuple((name, address) for name, address in pairs if name)

    def __contains__(self, name: object) -> bool:
        return name in self._paths

    def names(self) -> tuple[str, ...]:
        """Interface names."""
        return tuple(name for name, path in self._paths.items() if path)

    def carriers(self, name: str) -> Carriers:
        """What carries the interface ``name``: all members of a bond, a bridge, a team."""
        if not self._paths.get(name):
            return unknown("network", f"{name} is not in {NET}")
        if name not in self._known:
            self._known[name] = NOTHING
            self._known[name] = self._follow(name)
        return self._known[name]

    def _follow(self, name: str) -> Carriers:
        path = self._paths[name]
        lower = self._lower(path)
        above = hardware(self._reader, path)
        own = self._with_physical(above or NOTHING)
        if lower:
            below = own | union(map(self.carriers, lower))
            # Taps and veths beside a real port lead to guests, not to more hardware.
            return Carriers(below.functions) if below.functions else below
        if name == "lo" or (above is not None and "/virtual/" not in path):
            return own
        return self._bottomless(name)

    def _lower(self, path: str) -> list[str]:
        lower = [n[6:] for n in self._reader.list(path) if n.startswith("lower_")]
        lower += self._reader.list(f"{path}/brif")
        lower += (self._reader.read_text(f"{path}/bonding/slaves") or "").split()
        return list(dict.fromkeys(lower))

    def _told_by_drivers(self, name: str) -> list[str]:
        """What the bonding and VLAN drivers say in /proc/net, for copies without lower links."""
        read = self._reader.read_text
        bond, vlan = read(f"/proc/net/bonding/{name}"), read(f"/proc/net/vlan/{name}")
        return fmt.parse_bonding(bond or "") + fmt.parse_vlan(vlan or "")

    def _with_physical(self, carriers: Carriers) -> Carriers:
        """A virtual function is nothing without its physical one."""
        found = (self._pci.get(address) for address in carriers.functions)
        physical = frozenset(f.physfn for f in found if f is not None and f.physfn is not None)
        return carriers | Carriers(physical)

    def _bottomless(self, name: str) -> Carriers:
        """Nothing below is shown: a port of Open vSwitch, a tunnel, a namespace's end."""
        if members := self._told_by_drivers(name):
            return union(map(self.carriers, members))
        datapath = "ovs-system"
        if datapath in self._paths and name != datapath:
            # Internal ports name no lower device; those of the datapath are all it can use.
            return self.carriers(datapath)
        if self._reader.exists(f"{self._paths[name]}/bridge"):
            return NOTHING  # a bridge without ports
        if self._is_tunnel(name):
            return self._tunnel(name)
        return unknown("network", f"{name} shows no device below it")

    def _is_tunnel(self, name: str) -> bool:
        """By its link type. Ends of Ethernet (tap, veth) lead to guests: those are none."""
        kind = self._reader.read_text(f"{self._paths[name]}/type") or ""
        return kind.strip() in _TUNNELS

    def _tunnel(self, name: str) -> Carriers:
        """Its packets leave through some interface that has an address; nobody tells which."""
        others = [other for other in self.addressed() if other != name]
        real = [o for o in others if "/virtual/" not in self._paths.get(o, "/virtual/")]
        ways = [o for o in others if o in real or not self._is_tunnel(o)]
        found = union(map(self.carriers, ways)).functions
        return Carriers(found) if found else unknown("network", f"{name} is a tunnel")

    def route_interface(self, address: fmt.Address) -> str:
        """The interface that packets to an address take: longest prefix; empty where none."""
        fits = [r for r in self.routes if _contains(r, address)]
        return max(fits, key=lambda r: r.network.prefixlen).interface if fits else ""

    def to_host(self, text: str) -> Carriers:
        """What the route to a host uses; several equal routes count together."""
        address = fmt.parse_address(text)
        if address is None:
            return unknown("network", f"the address of {text or 'its server'} is not known")
        best = self.route_interface(address)
        return self.carriers(best) if best else unknown("network", f"no route to {text}")

    def default_interfaces(self) -> tuple[str, ...]:
        """Interfaces of every default route, in any table, either family."""
        return tuple(dict.fromkeys(r.interface for r in self.routes if r.is_default))

    def missing(self) -> tuple[Unresolved, ...]:
        """That nobody told the routes: neither the kernel's tables nor iproute2."""
        why = "there is no /proc/net/route, and ip(8) was not asked"
        return () if self.told else (Unresolved("routes", "a default route", why),)

    def addressed(self) -> tuple[str, ...]:
        """Interfaces with a global address."""
        return tuple(dict.fromkeys(name for name, _ in self.addresses))

    def session_interfaces(self, ssh_connection: str | None) -> tuple[str, ...]:
        """Interfaces that carry SSH sessions: of SSH_CONNECTION (sshd(8)), and any that is
        established, since sudo takes the variable away."""
        words = (ssh_connection or "").split()
        local = [fmt.parse_address(words[2])] if len(words) == 4 else []
        port = int(words[3]) if len(words) == 4 and words[3].isdecimal() else _SSH_PORT
        ports = frozenset({_SSH_PORT, port})
        for path in ("/proc/net/tcp", "/proc/net/tcp6"):
            local += fmt.parse_tcp(self._reader.read_text(path, optional=True) or "", ports)
        owners = {address: name for name, address in self.addresses}
        return tuple(dict.fromkeys(owners[a] for a in local if a is not None and a in owners))


def _contains(route: fmt.Route, address: fmt.Address) -> bool:
    return route.network.version == address.version and address in route.network
