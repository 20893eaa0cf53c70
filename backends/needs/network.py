"""From interfaces, routes and addresses down to PCI functions.

Sources: proc(5), net/core/dev.c (lower_* links), Documentation/ABI/testing/sysfs-class-net.
"""

from __future__ import annotations

from backends.formats import routes as fmt
from backends.needs.carriers import NOTHING, Carriers, carried_by, union, unknown
from backends.pci import PciState
from backends.reader import Reader

NET = "/sys/class/net"
_SSH_PORT = 22


class Network:
    """Interfaces, routes and addresses of the host's network namespace; each is read once."""

    def __init__(self, reader: Reader, pci: PciState) -> None:
        self._reader = reader
        self._pci = pci
        self._paths = {name: self._path(name) for name in reader.list(NET)}
        self._known: dict[str, Carriers] = {}
        self.routes = self._read_routes()
        self.addresses = self._read_addresses()

    def _path(self, name: str) -> str:
        target = self._reader.readlink(f"{NET}/{name}")
        # bonding_masters is a file among the interfaces.
        return "/sys/" + target.removeprefix("../../") if target else ""

    def _read_routes(self) -> tuple[fmt.Route, ...]:
        found = fmt.parse_proc_route(self._reader.read_text("/proc/net/route") or "")
        found += fmt.parse_proc_ipv6_route(self._reader.read_text("/proc/net/ipv6_route") or "")
        for family in ("-4", "-6"):
            argv = ["ip", "-json", family, "route", "show", "table", "all"]
            done = self._reader.output(argv)
            found += fmt.parse_ip_json(done.out if done and done.rc == 0 else "")
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
        own = self._with_physical(carried_by(path))
        if lower:
            below = own | union(map(self.carriers, lower))
            # Taps and veths beside a real port lead to guests, not to more hardware.
            return Carriers(below.functions) if below.functions else below
        if "/virtual/" not in path or name == "lo":
            return own
        return self._bottomless(name)

    def _lower(self, path: str) -> list[str]:
        lower = [n[6:] for n in self._reader.list(path) if n.startswith("lower_")]
        lower += self._reader.list(f"{path}/brif")
        lower += (self._reader.read_text(f"{path}/bonding/slaves") or "").split()
        return list(dict.fromkeys(lower))

    def _with_physical(self, carriers: Carriers) -> Carriers:
        """A virtual function is nothing without its physical one."""
        found = (self._pci.get(address) for address in carriers.functions)
        physical = frozenset(f.physfn for f in found if f is not None and f.physfn is not None)
        return carriers | Carriers(physical)

    def _bottomless(self, name: str) -> Carriers:
        """Virtual, and nothing below: a port of Open vSwitch, a tunnel, a namespace's end."""
        datapath = "ovs-system"
        if datapath in self._paths and name != datapath:
            # Internal ports name no lower device; those of the datapath are all it can use.
            return self.carriers(datapath)
        if self._reader.exists(f"{self._paths[name]}/bridge"):
            return NOTHING  # a bridge without ports
        return unknown("network", f"{name} is virtual and shows no device below it")

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
