"""The text formats: each parser, and each editor with words to put in and to take out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence

from backends.formats import (
    cmdline,
    cpumask,
    domain_xml,
    dracut_conf,
    initramfs_modules,
    input_devices,
    kernel_arg,
    kernel_cmdline_file,
    kernelstub_conf,
    loader_entry,
    mkinitcpio_conf,
    modprobe_conf,
    mountinfo,
    pe,
    refind_linux,
    routes,
    systemd_conf,
    tuned_conf,
)
from backends.formats.domain_xml import Hostdev, Wanted, secrets
from backends.formats.grub import cfg as grub_cfg
from backends.formats.grub import env as grubenv
from backends.formats.shell import assign as shell_assign
from backends.formats.shell import edit as shell_edit
from backends.libvirt import health, script
from backends.pci import vf_settings
from backends.topology import memory
from tests.fuzz.target import Target, text
from tests.simulator.esp import unified_image

_ADD, _REMOVE = ("iommu=pt", "vfio-pci.ids=10de:2489"), ("quiet", "nomodeset")
_LINE = "root=UUID=0b6c1b7c ro quiet splash -- 3"
_GRUB_DEFAULTS = (
    'GRUB_DEFAULT=0\nGRUB_CMDLINE_LINUX_DEFAULT="quiet splash"\nif [ -e x ]; then\nA=$(b)\nfi\n'
    "GRUB_CMDLINE_LINUX='audit=0'\nx() { y; }\ncase $x in a) b;; esac\ncat <<E\n$z\nE\n"
)
_GRUB_CFG = (
    "set default=\"0\"\nmenuentry 'Debian' --class debian $menuentry_id_option 'a' {\n"
    "\tlinux /boot/vmlinuz root=/dev/sda2 ro quiet ${extra}\n\tinitrd /boot/initrd.img\n}\n"
    "submenu 'more' {\nmenuentry \"x (recovery mode)\" { linux /v single }\n}\n"
)
_ENTRY = (
    "title Debian\nversion 6.1\noptions root=UUID=1 ro quiet $kernelopts\nlinux /vmlinuz\n"
    "initrd /initrd.img\nmachine-id 0123456789abcdef0123456789abcdef\n"
)
_GRUBENV = "# GRUB Environment Block\nsaved_entry=a\nkernelopts=quiet ro\n"
_MOUNTINFO = (
    "26 1 8:2 / / rw,relatime shared:1 - ext4 /dev/sda2 rw\n"
    "30 26 0:26 / /sys\\040x rw - sysfs sysfs rw\n"
)
_ROUTE = (
    "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\n"
    "eno1\t00000000\t0102A8C0\t0003\t0\t0\t100\t00000000\n"
)
_TCP = "  sl  local_address rem_address st\n   0: 0100007F:0016 0200007F:ABCD 01 0:0 0:0 0\n"
_DOMAIN = (
    "<domain type='kvm'><name>a</name><uuid>6f1e2c1e-0000-4000-8000-000000000001</uuid>"
    "<memory unit='GiB'>4</memory><vcpu>4</vcpu><cputune><vcpupin vcpu='0' cpuset='2'/></cputune>"
    "<devices><disk type='file'><target dev='sda' bus='scsi'/></disk>"
    "<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' bus='0x01'"
    " slot='0x00' function='0x0'/></source></hostdev>"
    "<graphics type='vnc' passwd='x'/></devices></domain>"
)
_KEYS = Wanted(
    hostdevs=(Hostdev("0000:01:00.0"),),
    vcpupin=("2",),
    memory="4G",
    hugepages="2M",
    locked=True,
    numatune=("strict", "0"),
    discard="unmap",
).properties()
_MODPROBE = "options vfio-pci ids=10de:2489 # x\nsoftdep nouveau pre: vfio-pci\nblacklist a\n"
_MEMINFO = "MemTotal:       32768000 kB\nHugePages_Total:       0\nHugepagesize:       2048 kB\n"
_IP_LINK = '[{"ifname":"eno1","vfinfo_list":[{"vf":0,"mac":"02:00:00:00:00:01","trust":true}]}]'
_KEYBOARDS = 'I: Bus=0011 Vendor=0001\nN: Name="kbd"\nS: Sysfs=/devices/x\nH: Handlers=kbd event0\n'

Parser = Callable[[str], object]


def targets() -> Iterator[Target]:
    """One a parser."""
    for name, parse, *seeds in (*_loaders(), *_initramfs(), *_machine()):
        yield Target(name, text(parse), [seed.encode() for seed in seeds])
    yield Target("pe", _pe, [unified_image({".cmdline": b"quiet", ".osrel": b"ID=debian\n"})])
    yield Target("domain-xml", text(_domain), [_DOMAIN.encode()], slow=True)
    yield Target("shell", text(_shell), [_GRUB_DEFAULTS.encode()], slow=True)


def _loaders() -> Iterator[tuple[str, Parser, str]]:
    yield "grub-cfg", lambda t: grub_cfg.parse_grub_cfg(t, {"extra": "a b"}), _GRUB_CFG
    yield "grubenv", _grubenv, _GRUBENV + "#" * (1024 - len(_GRUBENV))
    yield "loader-entry", _entry, _ENTRY
    yield "refind", _refind, '"Boot" "root=/dev/sda2 ro quiet"\n# x\n"Single" "single"\n'
    yield "kernelstub", _kernelstub, '{"default": {}, "user": {"kernel_options": ["quiet"]}}'
    yield "cmdline-file", _cmdline_file, _LINE + "\n"
    yield "cmdline", lambda t: cmdline.edit_text(t, _REMOVE, _ADD), _LINE
    yield "kernel-arg", kernel_arg.check_arg, "mitigations=auto"


def _initramfs() -> Iterator[tuple[str, Parser, str]]:
    yield "modprobe", _modprobe, _MODPROBE
    yield "modules", _modules, "vfio\nvfio-pci ids=1:2\n# x\n"
    yield "mkinitcpio", _mkinitcpio, "MODULES=(ext4 'a b')\nHOOKS=(base udev)\n"
    yield "dracut", lambda t: dracut_conf.dracut_list([t], "force_drivers"), 'force_drivers+=" a "'


def _machine() -> Iterator[tuple[str, Parser, str]]:
    yield "mountinfo", mountinfo.parse_mountinfo, _MOUNTINFO
    yield (
        "mounts",
        mountinfo.parse_mounts,
        "/dev/sda2 / ext4 rw 0 0\nnodev /h hugetlbfs",
    )
    yield "hugetlb-mounts", lambda t: memory.parse_mounts(t, 2048), "n /h hugetlbfs pagesize=2M 0 0"
    yield "swaps", mountinfo.parse_swaps, "Filename Type Size\n/dev/sda3 partition 1 0 -2\n"
    yield "fstab", mountinfo.parse_fstab, "UUID=1 / ext4 defaults 0 1\n"
    yield "crypttab", mountinfo.parse_crypttab, "root UUID=1 none luks\n"
    yield "route", routes.parse_proc_route, _ROUTE
    yield "ipv6-route", routes.parse_proc_ipv6_route, f"{'0' * 32} 00 {'0' * 32} 00 x 1 1 1 1 eno1"
    yield "if-inet6", routes.parse_if_inet6, f"fe80{'0' * 28} 02 40 20 80 eno1\n"
    yield "fib-trie", routes.parse_fib_trie, "Local:\n  |-- 10.0.0.1\n     /32 host LOCAL\n"
    yield "tcp", lambda t: routes.parse_tcp(t, frozenset({22})), _TCP
    yield "bonding", routes.parse_bonding, "Slave Interface: eno1\n"
    yield "vlan", routes.parse_vlan, "eno1.5 VID: 5\nDevice: eno1\n"
    yield "address", routes.parse_address, "10.0.0.1"
    yield "ip-route-json", routes.parse_ip_json, '[{"dst":"default","dev":"eno1","metric":1}]'
    yield "ip-addr-json", routes.parse_addr_json, '[{"ifname":"a","addr_info":[{"local":"::1"}]}]'
    yield "ip-link-json", vf_settings.parse_links, _IP_LINK
    yield "meminfo", memory.parse_meminfo, _MEMINFO
    yield "cpumask", _cpumask, "ff,0000000f\n"
    yield "input-devices", input_devices.parse_keyboards, _KEYBOARDS
    yield "systemd-conf", _systemd, "[Slice]\nAllowedCPUs=0-1 \\\n 4\n# x\n"
    yield "tuned", _tuned, "[main]\ninclude=a\n[variables]\na=2-3 # x\nb=${a}\n c\n[irq]\ntype=b\n"
    yield "environment", systemd_conf.environment, "ID=debian\nNAME=\"a b\"\nX='c'\n"
    yield "virsh", lambda t: script.answers(t, 2), "one\n---\ntwo\n"
    yield "qemu-log", health.failure, "2026-01-01 qemu-system-x86_64: -device vfio-pci: error\n"


def _cpumask(text: str) -> None:
    with contextlib.suppress(ValueError):  # which is what it promises
        assert cpumask.parse_mask(cpumask.print_mask(cpumask.parse_mask(text))) is not None


def _entry(text: str) -> None:
    for grub in (False, True):
        loader_entry.fields(text, grub=grub)
        loader_entry.options(text, grub=grub, variables={"kernelopts": "a b"})
        once = loader_entry.edit_options(text, _REMOVE, _ADD, grub=grub)
        assert loader_entry.edit_options(once, _REMOVE, _ADD, grub=grub) == once


def _grubenv(text: str) -> None:
    grubenv.parse_grubenv(text)
    assert grubenv.parse_grubenv(grubenv.set_variable(text, "a", "b"))["a"] == "b"


def _refind(text: str) -> None:
    for choice in refind_linux.choices(text):
        refind_linux.edit_choice(text, choice, _REMOVE, _ADD)


def _kernelstub(text: str) -> None:
    kernelstub_conf.options(text)
    kernelstub_conf.as_saved(kernelstub_conf.with_options(text, _REMOVE, _ADD))


def _cmdline_file(text: str) -> None:
    for reader in kernel_cmdline_file.ReadBy:
        kernel_cmdline_file.read_cmdline_file(text, reader)
        kernel_cmdline_file.as_one_line(text, reader)
        kernel_cmdline_file.edit_cmdline_file(text, _REMOVE, _ADD, reader)


def _modprobe(text: str) -> None:
    found = modprobe_conf.parse_modprobe_conf(text)
    modprobe_conf.option_values(found, "vfio_pci", "ids")


def _modules(text: str) -> None:
    initramfs_modules.parse_modules(text)
    initramfs_modules.edit_modules(text, ["vfio"], ["vfio-pci"])


def _mkinitcpio(text: str) -> None:
    mkinitcpio_conf.array_words([text], "MODULES")
    mkinitcpio_conf.edit_array(text, "MODULES", ["ext4"], ["vfio-pci"])


def _systemd(text: str) -> None:
    list(systemd_conf.assignments(text))
    systemd_conf.merged_list([text], "Slice", "AllowedCPUs")


def _tuned(text: str) -> None:
    profile = tuned_conf.parse_profile(text)
    known = tuned_conf.defined(tuned_conf.merged([profile]).get("variables", {}), {"a": text})
    tuned_conf.expand(text, known)


def _shell(text: str) -> None:
    name = "GRUB_CMDLINE_LINUX_DEFAULT"
    for bash in (False, True):
        shell_assign.evaluate([text], name, bash=bash)
        shell_assign.assigned_names(text, bash=bash)
        shell_assign.problem(text, bash=bash)
        once = shell_edit.edit_words(text, name, _REMOVE, _ADD, bash=bash)
        assert shell_edit.edit_words(once, name, _REMOVE, _ADD, bash=bash) == once
        shell_edit.set_value(text, name, "x", bash=bash)


def _domain(text: str) -> None:
    domain_xml.hostdevs(text)
    clean = domain_xml.strip(text)
    assert domain_xml.strip(clean) == clean
    domain_xml.name(text)
    domain_xml.uuid(text)
    edited = domain_xml.edit(clean, _KEYS)
    domain_xml.restore(edited.xml, clean, list(_KEYS))
    secrets.merge(clean, text)


def _pe(data: bytes) -> Sequence[str | None]:
    def part(offset: int, size: int) -> bytes:
        return data[offset : offset + size]

    return [pe.text_section(part, name) for name in (".cmdline", ".osrel", ".uname")]
