"""Tables of storage, read only: proc(5) mountinfo and swaps, fstab(5), crypttab(5)."""

from __future__ import annotations

import re

from specs.record import Record

_OCTAL = re.compile(r"\\([0-7]{3})")


class Mount(Record):
    """One line of mountinfo. ``device`` is ``MAJ:MIN``; paths are unescaped."""

    device: str
    root: str
    point: str
    fstype: str
    source: str
    options: tuple[str, ...]

    @property
    def anonymous(self) -> bool:
        """The device number stands for no block device (btrfs, zfs, overlay, nfs, tmpfs ...)."""
        return self.device.startswith("0:")

    def option(self, name: str) -> str | None:
        """The value of ``name=value`` among the superblock's options."""
        return next((o[len(name) + 1 :] for o in self.options if o.startswith(name + "=")), None)


class TableEntry(Record):
    """A line of fstab (spec, file, vfstype, options) or crypttab (volume, device, options)."""

    source: str
    target: str
    kind: str
    options: tuple[str, ...]


def unescape(text: str) -> str:
    r"""``\040`` and the like back to characters: fs/seq_file.c mangle_path, getmntent(3)."""
    if "\\" not in text:
        return text
    raw = text.encode("utf-8", "surrogateescape").decode("latin-1")
    out = _OCTAL.sub(lambda m: chr(int(m[1], 8) & 0xFF), raw)
    return out.encode("latin-1").decode("utf-8", "surrogateescape")


def parse_mountinfo(text: str) -> tuple[Mount, ...]:
    """Every mount, in mount order; a line that is not one is passed over."""
    return tuple(m for line in text.split("\n") if (m := _mount(line)) is not None)


def _mount(line: str) -> Mount | None:
    head, found, tail = line.partition(" - ")
    fields, rest = head.split(" "), tail.split(" ")
    if not found or len(fields) < 6 or len(rest) < 3:
        return None
    return Mount(
        device=fields[2],
        root=unescape(fields[3]),
        point=unescape(fields[4]),
        fstype=rest[0],
        source=unescape(rest[1]),
        options=tuple(unescape(o) for o in " ".join(rest[2:]).split(",")),
    )


def parse_mounts(text: str) -> tuple[Mount, ...]:
    """/proc/mounts, which has no device numbers: all count as anonymous."""
    rows = (line.split(" ") for line in text.split("\n"))
    return tuple(
        Mount("0:0", "/", unescape(r[1]), r[2], unescape(r[0]), tuple(unescape(r[3]).split(",")))
        for r in rows
        if len(r) >= 4
    )


def parse_swaps(text: str) -> tuple[str, ...]:
    """Device and file names of active swap areas."""
    lines = text.split("\n")[1:]
    names = (unescape(line.split()[0]) for line in lines if line.split())
    return tuple(name.removesuffix(" (deleted)") for name in names)


def parse_fstab(text: str) -> tuple[TableEntry, ...]:
    """Entries of fstab(5); an entry without options has ``defaults``."""
    out = []
    for fields in _table(text):
        if len(fields) >= 3:
            options = fields[3] if len(fields) > 3 else "defaults"
            source, target = unescape(fields[0]).replace('"', ""), unescape(fields[1])
            out.append(TableEntry(source, target, fields[2], tuple(options.split(","))))
    return tuple(out)


def parse_crypttab(text: str) -> tuple[TableEntry, ...]:
    """Entries of crypttab(5): the mapped name is the target."""
    out = []
    for fields in _table(text):
        if len(fields) >= 2:
            options = tuple(fields[3].split(",")) if len(fields) > 3 else ()
            out.append(TableEntry(fields[1].replace('"', ""), fields[0], "crypt", options))
    return tuple(out)


def _table(text: str) -> list[list[str]]:
    lines = (line.strip() for line in text.splitlines())
    return [line.split() for line in lines if line and not line.startswith("#")]
