"""``next_entry`` in grubenv: GRUB starts that entry, and clears the variable before it does.

grub-mkconfig's 00_header (and Fedora's) has the script for it. Clearing means that GRUB writes to
its environment block, which it can on plain partitions only: GRUB manual, "Environment block";
the same tests are in 00_header (recordfail_broken).
"""

from __future__ import annotations

import re

from backends.bootloader.grub_defaults import source_file
from backends.bootloader.grub_kernelopts import variables_of
from backends.bootloader.state import FileEdit, OwnedFile, SourceFile
from backends.formats.grub.env import SIGNATURE, parse_grubenv, set_variable
from backends.formats.mountinfo import Mount, parse_mountinfo
from backends.reader import Reader

NEXT = "next_entry"
CLEAR = "grub-editenv - unset next_entry"
_EMPTY = (SIGNATURE + "#" * (1024 - len(SIGNATURE))).encode()
_READ_ONLY = ("btrfs", "cpiofs", "newc", "odc", "romfs", "squash4", "squashfs", "tarfs", "zfs")
# Programs and the installed system name such devices; sysfs says what they are.
_STACKED = re.compile(r"/dev/(mapper/|dm-|md|bcache)")


def unwritable(reader: Reader, folder: str) -> str:
    """Why GRUB cannot write to its environment block in ``folder``; empty: nothing says so."""
    mount = _mount_of(reader, reader.realpath(folder))
    if mount is None:
        return ""
    if mount.fstype in _READ_ONLY:
        return f"{folder} is on {mount.fstype}"
    kind = _stacked(reader, mount)
    return f"{folder} is on {kind} ({mount.source})" if kind else ""


def told(reader: Reader, folder: str) -> bool:
    """Whether it is known what ``folder`` is on."""
    return _mount_of(reader, reader.realpath(folder)) is not None


def chosen(env: SourceFile) -> str:
    """The entry that the next boot will start, or empty."""
    return variables_of(env).get(NEXT, "")


def choose(env: SourceFile, owned: OwnedFile | None, entry: str) -> FileEdit | None:
    """The block with the entry chosen; a new block where there is none. Raises GrubEnvError."""
    if chosen(env) == entry:
        return None
    text = (env.content if env.content is not None else _EMPTY).decode("utf-8", "surrogateescape")
    after = set_variable(text, NEXT, entry).encode("utf-8", "surrogateescape")
    base = owned.before if owned else env.content
    return FileEdit(env.path, env.content, base, after, env.mode)


def give_back(env: SourceFile, owned: OwnedFile | None, entry: str) -> FileEdit | None:
    """The block without our choice: what GRUB and others changed in it since stays. The variable
    is what it was before us (an empty one is what GRUB leaves behind)."""
    if env.content is None or owned is None or chosen(env) not in ("", entry):
        return None
    before = (owned.before or b"").decode("utf-8", "surrogateescape")
    value = parse_grubenv(before).get(NEXT) if before else None
    text = set_variable(set_variable(env.text, NEXT, None), NEXT, value)
    after: bytes | None = text.encode("utf-8", "surrogateescape")
    if owned.before is None and after == _EMPTY:
        after = None
    if owned.before is not None and _same_variables(text, before):
        after = owned.before
    return FileEdit(env.path, env.content, after, after, env.mode) if after != env.content else None


def read(reader: Reader, folder: str) -> SourceFile:
    """GRUB's environment block in ``folder``."""
    return source_file(reader, f"{folder}/grubenv")


def _same_variables(a: str, b: str) -> bool:
    """Whether two blocks say the same, in whatever order GRUB has left it."""
    return parse_grubenv(a) == parse_grubenv(b)


def _mount_of(reader: Reader, path: str) -> Mount | None:
    """The last mount on the longest mount point above ``path``."""
    mounts = parse_mountinfo(reader.read_text("/proc/self/mountinfo") or "")
    above = [m for m in mounts if m.point == "/" or f"{path}/".startswith(f"{m.point}/")]
    return max(enumerate(above), key=lambda m: (len(m[1].point), m[0]))[1] if above else None


def _stacked(reader: Reader, mount: Mount) -> str:
    """LVM, md RAID or an encrypted device below a mount, by sysfs; else by the device's name."""
    base = f"/sys/dev/block/{mount.device}"
    uuid = (reader.read_text(f"{base}/dm/uuid") or "").strip()
    if uuid:
        known = {"LVM": "LVM", "CRYPT": "an encrypted device"}
        return known.get(uuid.partition("-")[0], "a device-mapper device")
    if reader.exists(f"{base}/md"):
        return "md RAID"
    found = _STACKED.match(mount.source)
    names = {"md": "md RAID", "bcache": "bcache"}
    return names.get(found[1], "a device-mapper device") if found else ""
