"""What a guest's host really is, read with plain commands and without the tool under test."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .guest import Guest

# Entries that are the way back: they must stay without our arguments.
RECOVERY = re.compile(r"recovery|rescue|UEFI Firmware", re.IGNORECASE)

_UKI = """
import glob, pefile
for path in sorted(glob.glob("/boot/efi/EFI/Linux/*.efi")):
    for section in pefile.PE(path).sections:
        if section.Name.rstrip(b"\\0") == b".cmdline":
            print(path, section.get_data()[: section.Misc_VirtualSize].rstrip(b"\\0").decode())
"""
_MENU = re.compile(r"^\s*menuentry '([^']*)'|^\s*linux\s+\S+\s+(.*?)\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Entry:
    """A boot entry: what names it, and its kernel command line."""

    name: str
    arguments: str

    def words(self) -> list[str]:
        """The arguments one by one."""
        return self.arguments.split()


def running(guest: Guest) -> list[str]:
    """The words of the running kernel's command line."""
    return guest.out("cat /proc/cmdline").split()


def entries(guest: Guest, loader: str) -> list[Entry]:
    """Every entry that can boot a kernel, but the recovery ones."""
    if loader == "grub-mkconfig":
        found = _grub(guest.out("cat /boot/grub/grub.cfg"))
    else:
        found = _type1(guest) + _unified(guest)
    return [entry for entry in found if not RECOVERY.search(entry.name)]


def _grub(text: str) -> list[Entry]:
    name, found = "", []
    for match in _MENU.finditer(text):
        if match[1] is not None:
            name = match[1]
        else:
            found.append(Entry(name, match[2]))
    return found


def _type1(guest: Guest) -> list[Entry]:
    folders = "/boot/efi/loader/entries /boot/loader/entries"
    text = guest.out(f"for d in {folders}; do grep -H ^options $d/*.conf || true; done 2>/dev/null")
    pairs = (line.partition(":options") for line in text.splitlines())
    return [Entry(path, arguments.strip()) for path, _, arguments in pairs]


def _unified(guest: Guest) -> list[Entry]:
    if guest.run("ls /boot/efi/EFI/Linux/*.efi").rc:
        return []
    guest.write("/root/uki.py", _UKI)
    lines = guest.out("python3 /root/uki.py").splitlines()
    return [Entry(*line.split(" ", 1)) for line in lines]


def functions(guest: Guest) -> dict[str, str]:
    """The PCI functions: address to vendor:device."""
    lines = guest.out("lspci -Dn").splitlines()
    return {words[0]: words[2] for words in map(str.split, lines)}


def driver(guest: Guest, address: str) -> str:
    """The driver of a PCI function, "" when it has none."""
    return guest.out(f"basename $(readlink /sys/bus/pci/devices/{address}/driver) || true").strip()


def touched_by(guest: Guest, driver_name: str, address: str) -> bool:
    """Whether a driver has said anything of a function since this boot."""
    return guest.run(f"dmesg | grep -qF '{driver_name} {address}'").rc == 0


def group(guest: Guest, address: str) -> set[str]:
    """The functions in a function's IOMMU group; empty when it has none."""
    path = f"/sys/bus/pci/devices/{address}/iommu_group/devices"
    return set(guest.out(f"ls {path} 2>/dev/null || true").split())


def pages(guest: Guest, node: int, kib: int) -> int:
    """Hugepages of a size that a NUMA node has."""
    folder = f"/sys/devices/system/node/node{node}/hugepages/hugepages-{kib}kB"
    return int(guest.out(f"cat {folder}/nr_hugepages"))


def configuration(guest: Guest) -> dict[str, str]:
    """Every file of /etc, and of the boot configuration outside generated files: path to kind,
    mode, owner and content digest (or link target). Without the random seed, which the boot loader
    itself writes anew at each start (systemd-boot(7))."""
    places = "/etc /boot/loader /boot/efi/loader"
    text = guest.out(
        f"find {places} -xdev -printf '%p\\t%y %m %U:%G %l\\n' 2>/dev/null | sort;"
        f"find {places} -xdev -type f -print0 2>/dev/null | sort -z | xargs -0 sha256sum"
    )
    found: dict[str, str] = {}
    for line in text.splitlines():
        if match := re.fullmatch(r"([0-9a-f]{64})  (.*)", line):
            found[match[2]] += match[1]
        else:
            path, _, facts = line.partition("\t")
            found[path] = facts
    return {path: facts for path, facts in found.items() if not path.endswith("random-seed")}


def changed_since(guest: Guest, stamp: str) -> list[str]:
    """Files under /etc, /boot, /usr and the tool's own state that are newer than a file."""
    places = "/etc /boot /boot/efi /usr /var/lib/reconcile"
    text = guest.out(f"find {places} -xdev -newer {stamp} ! -type d 2>/dev/null || true")
    return sorted(set(text.splitlines()))
