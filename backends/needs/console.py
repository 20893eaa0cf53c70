"""How a person reaches the host: displays, keyboards, consoles.

Sources: Documentation/ABI/testing/sysfs-class-drm (connectors), drivers/tty (/proc/consoles),
drivers/video/fbdev, kernel/module (refcnt, holders).
"""

from __future__ import annotations

from collections.abc import Iterator

from backends.formats.input_devices import parse_keyboards
from backends.needs.carriers import Carriers, Use, carried_by
from backends.pci import PciFunction, PciState, functions_in
from backends.reader import Reader
from specs.record import Record
from specs.values import PciAddress

DRM = "/sys/class/drm"
FRAMEBUFFERS = "/sys/class/graphics"
_FIRMWARE = ("efi", "simple", "vesa", "vga", "offb", "ofdrm")


class Display(Record):
    """A display-class function. ``connected`` names connectors with a monitor, ``active`` those
    that show a picture now. Without a DRM driver both are empty: ``known`` is False."""

    VOLATILE = frozenset({"connected", "active", "users"})

    address: PciAddress
    boot_vga: bool
    known: bool
    connected: tuple[str, ...]
    active: tuple[str, ...]
    users: int


class Input(Record):
    """A keyboard and the functions it hangs on; none for PS/2 and other platform devices."""

    name: str
    functions: tuple[PciAddress, ...]


class Framebuffer(Record):
    """A /dev/fbN. ``firmware`` ones (efifb, simpledrm) draw on memory of a card that they do not
    name, and may hold its BARs."""

    name: str
    driver: str
    functions: tuple[PciAddress, ...]

    @property
    def firmware(self) -> bool:
        """Whether firmware set it up and a generic driver draws on it."""
        return not self.functions or self.driver.lower().startswith(_FIRMWARE)


class Seat(Record):
    """Everything a person at the machine may use. ``serial`` names consoles that are no screen."""

    displays: tuple[Display, ...] = ()
    inputs: tuple[Input, ...] = ()
    framebuffers: tuple[Framebuffer, ...] = ()
    serial: tuple[str, ...] = ()


def observe_seat(reader: Reader, pci: PciState) -> Seat:
    """Displays, keyboards, framebuffers and consoles."""
    connectors = [n for n in reader.list(DRM) if n.startswith("card")]
    text = reader.read_text("/proc/bus/input/devices") or ""
    # A guest's virtual keyboard (uinput) is no way in for a person.
    boards = (b for b in parse_keyboards(text) if not b.path.startswith("/devices/virtual/"))
    return Seat(
        displays=tuple(_display(reader, f, connectors) for f in pci if f.base_class == "03"),
        inputs=tuple(Input(b.name, functions_in(b.path)) for b in boards),
        framebuffers=tuple(_framebuffers(reader)),
        serial=tuple(name for name in _consoles(reader) if not name.startswith("tty0")),
    )


def _display(reader: Reader, function: PciFunction, names: list[str]) -> Display:
    base = f"{DRM}/{{}}/{{}}"
    cards = [n for n in reader.list(f"{function.path}/drm") if n.startswith("card")]
    own = [n for n in names if "-" in n and n.split("-")[0] in cards]
    status = {n: (reader.read_text(base.format(n, "status")) or "").strip() for n in own}
    enabled = {n: (reader.read_text(base.format(n, "enabled")) or "").strip() for n in own}
    return Display(
        address=function.address,
        boot_vga=function.boot_vga,
        known=bool(own),
        connected=tuple(n for n in own if status[n] == "connected"),
        active=tuple(n for n in own if enabled[n] == "enabled"),
        users=_driver_users(reader, function.driver),
    )


def _driver_users(reader: Reader, driver: str | None) -> int:
    """References to the driver's module that are not from other modules: open device files, the
    console. Cards of one driver share the count."""
    if driver is None:
        return 0
    link = reader.readlink(f"/sys/bus/pci/drivers/{driver}/module")
    if link is None:
        return 0
    base = f"/sys/module/{link.rsplit('/', 1)[-1]}"
    count = (reader.read_text(f"{base}/refcnt") or "0").strip()
    holders = len(reader.list(f"{base}/holders"))
    return max(0, int(count) - holders) if count.isdecimal() else 0


def _framebuffers(reader: Reader) -> Iterator[Framebuffer]:
    for name in reader.list(FRAMEBUFFERS):
        if name.startswith("fb") and name[2:].isdecimal():
            driver = (reader.read_text(f"{FRAMEBUFFERS}/{name}/name") or "").strip()
            path = reader.realpath(f"{FRAMEBUFFERS}/{name}")
            yield Framebuffer(name, driver, functions_in(path))


def _consoles(reader: Reader) -> list[str]:
    """Devices that the kernel log goes to; ``tty0`` is the screen."""
    lines = (reader.read_text("/proc/consoles", optional=True) or "").splitlines()
    names = (line.split()[0] for line in lines if line.split())
    return [name for name in names if name.startswith(("tty", "hvc"))]


def seat_uses(reader: Reader, seat: Seat) -> Iterator[tuple[Use, Carriers]]:
    """Serial consoles on PCI, displays that show a picture, drivers that are held open."""
    for name in seat.serial:
        yield Use("console", name), carried_by(reader.realpath(f"/sys/class/tty/{name}"))
    for keyboard in seat.inputs:
        only = Carriers(frozenset(keyboard.functions))
        yield Use("keyboard", keyboard.name, critical=False), only
    for display in seat.displays:
        only = Carriers(frozenset({display.address}))
        if display.boot_vga:
            yield Use("boot-display", "", critical=False), only
        if display.active:
            yield Use("display", ", ".join(display.active), critical=False), only
        if display.users:
            text = f"its driver is in use ({display.users} references)"
            yield Use("driver-users", text, critical=False), only
