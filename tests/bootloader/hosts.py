"""One host a way of booting, for the contract that every boot loader keeps.

Each is a recorded tree (see tests/simulator) whose normal entries start with the same arguments.
``generate`` stands in for the program that makes entries from their sources: it does what that
program's source says, from the very files that the edit has left, read by the real shell where
they are shell code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backends.formats.kernel_cmdline_file import ReadBy, read_cmdline_file
from tests.formats.shells import source
from tests.simulator import esp, grub2, hosts, refind, tools
from tests.simulator.tree import TreeBuilder

ARGS = 'quiet console=tty0 console=ttyS0,115200 "dyndbg=file a.c +p" x-y=1 a=0 b a=0'
Make = Callable[[TreeBuilder, str], None]
Generate = Callable[[TreeBuilder], None]


def _nothing(tree: TreeBuilder) -> None:
    """What boots is what was edited."""


@dataclass(frozen=True, slots=True)
class LoaderHost:
    """``loader`` is what it must be found to be."""

    loader: str
    build: Make
    generate: Generate = _nothing


def _default_grub(tree: TreeBuilder, text: str) -> None:
    tree.write("/etc/default/grub", text)


def _quoted(args: str) -> str:
    return args.replace('"', '\\"')


def _shell_line(root: Path, shell: str) -> str:
    """What 10_linux puts on a normal entry, by the real shell."""
    files = [root / "etc/default/grub", *sorted((root / "etc/default/grub.d").glob("*.cfg"))]
    names = ["GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT"]
    values = source(shell, [f.read_text() for f in files if f.exists()], names)
    assert values is not None
    return " ".join(values[name] for name in names).strip()


def _debian(tree: TreeBuilder, args: str) -> None:
    hosts.debian(tree, "h", grub2.ID, "")
    _default_grub(tree, f'GRUB_CMDLINE_LINUX_DEFAULT="{_quoted(args)}"\nGRUB_TIMEOUT=5\n')
    _debian_cfg(tree)


def _debian_cfg(tree: TreeBuilder) -> None:
    tree.write("/boot/grub/grub.cfg", hosts.grub_cfg(_shell_line(tree.root, "dash")))


def _cloud_image(tree: TreeBuilder, args: str) -> None:
    """Its drop-in assigns: what /etc/default/grub says is lost."""
    _debian(tree, args)
    _default_grub(tree, 'GRUB_CMDLINE_LINUX_DEFAULT="lost"\n')
    text = f'GRUB_CMDLINE_LINUX_DEFAULT="{_quoted(args)}"\n'
    tree.write("/etc/default/grub.d/50-cloudimg-settings.cfg", text)
    _debian_cfg(tree)


def _mint(tree: TreeBuilder, args: str) -> None:
    """Linux Mint, with the drop-ins of its own packages."""
    _debian(tree, args)
    tree.write("/etc/os-release", 'ID=linuxmint\nID_LIKE="ubuntu debian"\n')
    tree.write("/etc/default/grub.d/50_linuxmint.cfg", "GRUB_DISABLE_SUBMENU=true\n")
    tree.write("/usr/sbin/grub-mkconfig", "#!/bin/sh\n# not told by the program\n")


def _arch(tree: TreeBuilder, args: str, release: str = "arch") -> None:
    """No drop-ins, and bash for sh."""
    hosts.debian(tree, "h", grub2.ID, "")
    tree.write("/etc/os-release", f"ID={release}\n")
    tree.write("/usr/sbin/grub-mkconfig", "GRUB_CMDLINE_LINUX\n")
    tree.write("/usr/bin/bash", "")
    tree.link("/bin/sh", "/usr/bin/bash")
    _default_grub(tree, f"GRUB_CMDLINE_LINUX_DEFAULT='{args}' # mine\nGRUB_CMDLINE_LINUX=\n")
    _arch_cfg(tree)


def _arch_cfg(tree: TreeBuilder) -> None:
    tree.write("/boot/grub/grub.cfg", hosts.grub_cfg(_shell_line(tree.root, "bash")))


def _gentoo(tree: TreeBuilder, args: str) -> None:
    """Its GRUB is upstream's."""
    _arch(tree, args, "gentoo")


def _suse(tree: TreeBuilder, args: str) -> None:
    grub2.suse(tree)
    _default_grub(tree, f'GRUB_CMDLINE_LINUX_DEFAULT="{_quoted(args)}"\n')
    _suse_cfg(tree)


def _suse_cfg(tree: TreeBuilder) -> None:
    line = _shell_line(tree.root, "bash")
    tree.write("/boot/grub2/grub.cfg", grub2.suse_cfg(line))


def _fedora(tree: TreeBuilder, args: str) -> None:
    grub2.fedora(tree, cmdline=f"{grub2.ROOT} {args}")
    _default_grub(tree, f'GRUB_CMDLINE_LINUX="{_quoted(args)}"\n')
    for kernel in ("6.8.9", "6.8.10", "0-rescue"):
        grub2.entry(tree, kernel, f"{grub2.ROOT} {args}")


def _rhel8(tree: TreeBuilder, args: str) -> None:
    grub2.rhel8(tree)
    _default_grub(tree, f'GRUB_CMDLINE_LINUX="{_quoted(args)}"\n')
    block = grub2.grubenv(kernelopts=f"{grub2.ROOT} {args}", boot_success="0")
    tree.write("/boot/efi/EFI/redhat/grubenv", block)
    grub2.entry(tree, "0-rescue", f"{grub2.ROOT} {args}")


def _entry_text(title: str, args: str) -> str:
    return f"title {title}\noptions {esp.ROOT} {args}\nlinux /l\ninitrd /i\n"


def _systemd_boot(tree: TreeBuilder, args: str) -> None:
    esp.systemd_boot(tree, cmdline=f"{esp.ROOT} {args}")
    for number in (1, 2):
        esp.entry(tree, f"t-{number}.conf", text=_entry_text(f"Debian {number}", args))
    esp.entry(tree, "t-rescue.conf", text=_entry_text("Rescue", f"{args} rescue"))


def _xbootldr(tree: TreeBuilder, args: str) -> None:
    """The loader on the ESP at /efi, entries on the extended boot partition at /boot."""
    esp.systemd_boot(tree, esp="/efi", cmdline=f"{esp.ROOT} {args}")
    tree.write("/boot/loader/entries.srel", "type1\n")
    for number in (1, 2):
        text = _entry_text(f"Debian {number}", args)
        esp.entry(tree, f"t-{number}.conf", esp="/boot", text=text)


def _esp_twice(tree: TreeBuilder, args: str) -> None:
    """The ESP at /boot, and /efi leads there too."""
    esp.systemd_boot(tree, esp="/boot", cmdline=f"{esp.ROOT} {args}")
    esp.entry(tree, "t-1.conf", esp="/boot", text=_entry_text("Debian", args))
    tree.link("/efi", "/boot")


def _images(tree: TreeBuilder, args: str) -> None:
    esp.systemd_boot(tree, cmdline=f"{esp.ROOT} {args}")
    esp.image(tree, f"{esp.ROOT} {args}")


def _new_image(tree: TreeBuilder) -> None:
    """60-ukify takes the words of /etc/kernel/cmdline."""
    text = (tree.root / "etc/kernel/cmdline").read_text()
    esp.image(tree, " ".join(read_cmdline_file(text, ReadBy.UNCOMMENTED)))


def _mkinitcpio_images(tree: TreeBuilder, args: str) -> None:
    """Arch with a preset that makes unified images from /etc/cmdline.d."""
    esp.systemd_boot(tree, cmdline=None)
    path = esp.image(tree, f"{esp.ROOT} {args}", vendor=True)
    (tree.root / "usr/bin/ukify").unlink()
    tree.write("/usr/bin/mkinitcpio", "")
    tree.write("/etc/mkinitcpio.d/linux.preset", f"PRESETS=('default')\ndefault_uki='{path}'\n")
    tree.write("/etc/cmdline.d/root.conf", f"# where it is\n{esp.ROOT}\n")
    tree.write("/etc/cmdline.d/z.conf", f"{args}\n")


def _new_mkinitcpio_image(tree: TreeBuilder) -> None:
    """All files in order, without comments (mkinitcpio, build_uki)."""
    files = sorted((tree.root / "etc/cmdline.d").glob("*.conf"))
    texts = [read_cmdline_file(f.read_text(), ReadBy.UNCOMMENTED) for f in files]
    esp.image(tree, " ".join(word for words in texts for word in words), vendor=True)
    (tree.root / "usr/bin/ukify").unlink()


def _refind(tree: TreeBuilder, args: str) -> None:
    refind.refind(tree, args)


def _refind_without_options(tree: TreeBuilder, args: str) -> None:
    refind.refind(tree, args)
    (tree.root / "boot/refind_linux.conf").unlink()


def _proxmox_grub(tree: TreeBuilder, args: str) -> None:
    """BIOS, or Secure Boot: GRUB on every ESP, as on Debian otherwise."""
    _debian(tree, args)
    tree.write("/etc/kernel/proxmox-boot-uuids", "AAAA-BBBB\n")
    tree.write("/usr/sbin/proxmox-boot-tool", "")


def _proxmox_unmounted(tree: TreeBuilder, args: str) -> None:
    tools.proxmox(tree, args, mounted=False)


def _suse_systemd_boot(tree: TreeBuilder, args: str) -> None:
    tools.suse_bls(tree, args, "systemd-boot")


def _pop_without_loader(tree: TreeBuilder, args: str) -> None:
    """Started by the firmware."""
    tools.pop_os(tree, args, setup_loader=False)


HOSTS = {
    "debian": LoaderHost("grub-mkconfig", _debian, _debian_cfg),
    "ubuntu-cloud-image": LoaderHost("grub-mkconfig", _cloud_image, _debian_cfg),
    "linux-mint": LoaderHost("grub-mkconfig", _mint, _debian_cfg),
    "gentoo-grub": LoaderHost("grub-mkconfig", _gentoo, _arch_cfg),
    "arch-grub": LoaderHost("grub-mkconfig", _arch, _arch_cfg),
    "fedora": LoaderHost("grub2", _fedora),
    "rhel-8": LoaderHost("grub2", _rhel8),
    "opensuse-leap": LoaderHost("grub2", _suse, _suse_cfg),
    "systemd-boot": LoaderHost("systemd-boot", _systemd_boot),
    "systemd-boot-xbootldr": LoaderHost("systemd-boot", _xbootldr),
    "systemd-boot-esp-twice": LoaderHost("systemd-boot", _esp_twice),
    "unified-images": LoaderHost("systemd-boot", _images, _new_image),
    "mkinitcpio-images": LoaderHost("systemd-boot", _mkinitcpio_images, _new_mkinitcpio_image),
    "refind": LoaderHost("refind", _refind),
    "refind-without-options": LoaderHost("refind", _refind_without_options),
    "proxmox-grub": LoaderHost("proxmox-boot-tool", _proxmox_grub, _debian_cfg),
    "proxmox-systemd-boot": LoaderHost("proxmox-boot-tool", tools.proxmox, tools.proxmox_refresh),
    "proxmox-unmounted": LoaderHost("proxmox-boot-tool", _proxmox_unmounted),
    "tumbleweed-grub": LoaderHost("sdbootutil", tools.suse_bls, tools.sdbootutil_update),
    "tumbleweed-systemd-boot": LoaderHost(
        "sdbootutil", _suse_systemd_boot, tools.sdbootutil_update
    ),
    "pop-os": LoaderHost("kernelstub", tools.pop_os, tools.kernelstub),
    "pop-os-without-loader": LoaderHost("kernelstub", _pop_without_loader, tools.kernelstub),
}
