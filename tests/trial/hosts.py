"""Hosts that can boot an entry once, and what their boot loaders do at a boot."""

from __future__ import annotations

from pathlib import Path

from backends.formats.grub.env import parse_grubenv, set_variable
from backends.reader import TreeReader
from tests.simulator import esp, grub2
from tests.simulator.hosts import ROOT, debian, grub_cfg
from tests.simulator.tree import TreeBuilder

# What grub-mkconfig's 00_header and 41_custom write (grub-common 2.06-13+deb12u2), shortened.
HEADER = """### BEGIN /etc/grub.d/00_header ###
if [ "${next_entry}" ] ; then
   set default="${next_entry}"
   set next_entry=
   save_env next_entry
   set boot_once=true
else
   set default="0"
fi
### END /etc/grub.d/00_header ###
"""
CUSTOM = """### BEGIN /etc/grub.d/41_custom ###
if [ -f  ${config_directory}/custom.cfg ]; then
  source ${config_directory}/custom.cfg
elif [ -z "${config_directory}" -a -f  $prefix/custom.cfg ]; then
  source $prefix/custom.cfg
fi
### END /etc/grub.d/41_custom ###
"""


def _machine(t: TreeBuilder, mount: str) -> None:
    """A disk with the root on it, a NIC with the default route, systemd."""
    port = t.function("0000:00:17.0", "0x010601", "8086:a352", driver="ahci", group=1)
    nic = t.function("0000:00:1f.6", "0x020000", "8086:15bb", driver="e1000e", group=2)
    t.disk("sda", port)
    t.mount(t.partition("sda", 2), "/", mount)
    t.nic("eno1", nic)
    t.default_route("eno1")
    t.cpu()
    t.write("/usr/lib/systemd/systemd", "")
    t.write("/usr/lib/systemd/system/boot-complete.target", "")
    t.write("/usr/local/bin/reconcile", "")
    t.write("/proc/sys/kernel/random/boot_id", "boot-1\n")
    t.mkdir("/etc/systemd/system")


def grub_menu(root: Path, *, mount: str = "ext4", extra: str = "") -> TreeBuilder:
    """Debian with a generated menu, its environment block as grub-install leaves it."""
    t = TreeBuilder(root)
    debian(t, "kvm-01", "4c4c4544003b3510804bb4c04f4a4233")
    _machine(t, mount)
    t.write("/boot/grub/grub.cfg", HEADER + grub_cfg("quiet") + extra + CUSTOM)
    t.write("/boot/grub/grubenv", grub2.grubenv())
    t.finish()
    return t


def grub_bls(root: Path) -> TreeBuilder:
    """Fedora with loader entries."""
    t = TreeBuilder(root)
    grub2.fedora(t)
    _machine(t, "ext4")
    t.finish()
    return t


def systemd_boot(root: Path) -> TreeBuilder:
    """Debian with systemd-boot and one entry, booted by UEFI."""
    t = TreeBuilder(root)
    esp.systemd_boot(t)
    esp.entry(t, f"{esp.TOKEN}-{esp.KERNEL}.conf")
    _machine(t, "ext4")
    t.finish()
    return t


def boots(root: Path, args: str, boot: str, by: str = "BOOT_IMAGE=/vmlinuz") -> None:
    """The kernel comes up with this line, as the boot of that id; ``by`` is the loader's word."""
    (root / "proc/cmdline").write_text(f"{by} {args}\n")
    (root / "proc/sys/kernel/random/boot_id").write_text(f"{boot}\n")


def grub_starts(root: Path, boot: str, folder: str = "grub") -> str:
    """What 00_header does with next_entry; returns the entry that was chosen for once."""
    path = root / f"boot/{folder}/grubenv"
    text = path.read_text()
    chosen = parse_grubenv(text).get("next_entry", "")
    if chosen:
        path.write_text(set_variable(text, "next_entry", ""))
    (root / "proc/sys/kernel/random/boot_id").write_text(f"{boot}\n")
    return chosen


def reader(root: Path) -> TreeReader:
    """What is there now."""
    return TreeReader(root)


def contents(root: Path) -> dict[str, bytes]:
    """Every file under /etc and /boot."""
    tops = [root / "etc", root / "boot"]
    files = [p for top in tops for p in sorted(top.rglob("*")) if p.is_file()]
    return {str(p.relative_to(root)): p.read_bytes() for p in files}


OLD = f"{ROOT} quiet"
