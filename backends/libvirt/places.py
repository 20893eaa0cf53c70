"""Where libvirt's QEMU driver keeps what it knows of domains (drvqemu.rst)."""

from __future__ import annotations

from specs.record import Record


class Places(Record):
    """Folders with one file a domain, named by it; "" where they are not known."""

    definitions: str = ""
    status: str = ""
    saved: str = ""
    logs: str = ""


def places(uri: str) -> Places:
    """The folders of the driver behind a connection of this machine."""
    from urllib.parse import parse_qs, urlsplit  # late: it brings ipaddress

    parts = urlsplit(uri)
    query = parse_qs(parts.query)
    local = parts.scheme in ("qemu", "qemu+unix") and not parts.netloc
    if local and parts.path == "/system" and set(query) <= {"socket", "mode"}:
        return Places(
            "/etc/libvirt/qemu",
            "/run/libvirt/qemu",
            "/var/lib/libvirt/qemu/save",
            "/var/log/libvirt/qemu",
        )
    root = query.get("root", [""])[0]
    if root and (parts.scheme, parts.path) == ("qemu", "/embed"):
        return Places(*(f"{root}/{part}" for part in ("etc/qemu", "run/qemu", "lib/qemu/save")))
    return Places()
