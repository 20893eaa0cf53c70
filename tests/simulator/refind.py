"""A rEFInd host: what refind-install and mkrlconf leave (their packages' sources, 0.13.2)."""

from __future__ import annotations

from tests.simulator.tree import TreeBuilder

KERNEL = "6.1.0-30-amd64"
ROOT = "root=UUID=0b6c1b7c-5a3f-4f63-9d39-6a0f3f1f2a11 ro"


def refind(t: TreeBuilder, args: str, *, esp: str = "/boot/efi") -> None:
    """The loader on the ESP, a kernel, and the options that it gets, in three choices."""
    t.write("/etc/machine-id", "0123456789abcdef0123456789abcdef\n")
    t.write("/proc/cmdline", f"{ROOT} {args} initrd=boot\\initrd.img-{KERNEL}\n")
    t.write(f"{esp}/EFI/refind/refind_x64.efi", b"MZ")
    t.write(f"{esp}/EFI/refind/refind.conf", "timeout 5\n#menuentry Linux {\n#}\n")
    t.write(f"/boot/vmlinuz-{KERNEL}", "")
    t.write(f"/boot/initrd.img-{KERNEL}", "")
    options = f"{ROOT} {args}".replace('"', '""')
    t.write(
        "/boot/refind_linux.conf",
        f'"Boot with standard options"  "{options}"\n'
        f'"Boot to single-user mode"    "{options} single"\n'
        f'"Boot with minimal options"   "{ROOT}"\n',
    )
