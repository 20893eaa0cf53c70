"""One kernel argument: may it be managed, and how is it written for each reader on its way.

Three readers stand in a row: sh (only in /etc/default/grub, see ``shell_assign.quote``), GRUB's
script lexer (grub.cfg, loader entries on GRUB, grubenv), the kernel. systemd-boot and the EFI
stub pass text to the kernel as it is. GRUB strips quotes and escapes, then puts a backslash
before ``\\``, ``'`` and ``"`` and double quotes around words with a space
(grub-core/lib/cmdline.c), so a backslash or a single quote can never arrive as itself.
"""

from __future__ import annotations

import re

from backends.formats.cmdline import name_of, normal_name, tokens, value_of

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/+@%,-]*")
_PLAIN = re.compile(r"[A-Za-z0-9_.,:=/+@%-]*")
_CARRIED = re.compile(r"[ !#$%&()*+,./0-9:;<=>?@A-Z\[\]^_a-z{|}~-]*")

_ROOT = "it decides which file system becomes the root, or how it is found"
_FIRST = "it decides what is started as the first program"
_LOADER = "the boot loader writes it itself"
_FORBIDDEN = {
    **dict.fromkeys(["root", "rootflags", "rootfstype", "ro", "rw", "nfsroot", "ostree"], _ROOT),
    **dict.fromkeys(["boot", "zfs", "cryptdevice", "cryptkey", "luks"], _ROOT),
    **dict.fromkeys(["init", "rdinit", "break", "single", "emergency", "rescue"], _FIRST),
    **dict.fromkeys(["s", "S", "1"], _FIRST),
    **dict.fromkeys(["BOOT_IMAGE", "initrd"], _LOADER),
    "systemd.machine_id": "it is the identity of the machine",
}
_FORBIDDEN_PREFIXES = {"mount.usr": _ROOT, "luks.": _ROOT, "rd.": _ROOT}
# What an initramfs does besides finding the root (dracut.cmdline(7)): drivers, udev, messages.
# resume= stays allowed too: a wrong one is ignored, the kernel looks for the image's signature.
_HARMLESS_RD = (
    "rd.driver.",
    "rd.udev.",
    "rd.modules_load",
    "rd.systemd.show_status",
    "rd.plymouth",
)
_HARMLESS_RD_NAMES = ("rd.debug", "rd.info", "rd.timeout", "rd.retry")
_TARGETS = ("multi-user.target", "graphical.target")


def check_arg(arg: str) -> str | None:
    """Why ``NAME`` or ``NAME=VALUE`` must not be added or removed, as a sentence; None if it may.

    An argument that passes arrives in the kernel unchanged when written with ``grub_form`` for
    GRUB or ``kernel_form`` for everything else.
    """
    problem = _spelling_problem(arg)
    if problem:
        return problem
    reason = _forbidden(arg)
    return f"{name_of(arg)} is not managed here: {reason}" if reason else None


def kernel_form(arg: str) -> str:
    """The argument as text that the kernel (systemd-boot, the EFI stub) reads as it is."""
    value = value_of(arg)
    if value is None:
        return name_of(arg)
    return f'{name_of(arg)}="{value}"' if " " in value else f"{name_of(arg)}={value}"


def grub_form(arg: str) -> str:
    """The argument as text for GRUB's script lexer: a generated grub.cfg, a loader entry that
    GRUB reads, grubenv. What is beyond plain letters is put in double quotes, ``$`` escaped."""
    value = value_of(arg)
    if value is None or _PLAIN.fullmatch(value):
        return kernel_form(arg)
    escaped = value.replace("$", "\\$")
    return f'{name_of(arg)}="{escaped}"'


def _spelling_problem(arg: str) -> str | None:
    name, value = name_of(arg), value_of(arg)
    if tokens(arg) != (arg,):
        return "it is not one argument: a value with spaces needs double quotes around it"
    if not _NAME.fullmatch(name):
        return f"{name!r} is not the name of a kernel parameter"
    if value is None:
        return None
    bad = _CARRIED.sub("", value)
    if '"' in bad:
        return "a double quote inside a value cannot be carried to the kernel"
    if bad:
        return f"no quoting carries {bad[0]!r} through the boot loader to the kernel"
    written = {f"{name}={value}", f'{name}="{value}"', f'"{name}={value}"'}
    return None if arg in written else "its quotes are not around the value or the whole argument"


def _forbidden(arg: str) -> str | None:
    name = normal_name(name_of(arg))
    if name in _FORBIDDEN:
        return _FORBIDDEN[name]
    if name == "systemd.unit" and value_of(arg) not in (None, *_TARGETS):
        return _FIRST
    if name.startswith(_HARMLESS_RD) or name in _HARMLESS_RD_NAMES:
        return None
    return next((why for start, why in _FORBIDDEN_PREFIXES.items() if name.startswith(start)), None)
