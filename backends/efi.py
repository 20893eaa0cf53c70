"""What UEFI firmware and boot loaders leave for the system: variables, Secure Boot, the ESP.

Sources: systemd-boot(7) and systemd-stub(7) (Loader* and Stub* variables), UEFI specification
(SecureBoot), uapi-group Boot Loader Specification ($BOOT), bootctl(1) (mount points).
"""

from __future__ import annotations

from backends.reader import Reader

_VARS = "/sys/firmware/efi/efivars"
_LOADER = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
_GLOBAL = "8be4df61-93ca-11d2-aa0d-00e098032b8c"
ESP_FOLDERS = ("/efi", "/boot", "/boot/efi")


def has_variables(reader: Reader) -> bool:
    """Whether firmware's variables can be seen: a loader that leaves one has left it there."""
    return bool(reader.list(_VARS))


def loader_variable(reader: Reader, name: str) -> str | None:
    """A variable of the boot loader interface as text, or None. Written anew at each boot."""
    data = reader.read_bytes(f"{_VARS}/{name}-{_LOADER}", optional=True)
    if data is None or len(data) < 4:
        return None
    return data[4:].decode("utf-16-le", "replace").rstrip("\0")


def secure_boot(reader: Reader) -> bool:
    """Whether firmware verifies what it starts."""
    data = reader.read_bytes(f"{_VARS}/SecureBoot-{_GLOBAL}", optional=True)
    return data is not None and data[-1:] == b"\x01"


def boot_folders(reader: Reader) -> tuple[str, ...]:
    """Mount points that hold entries or images of a Boot Loader Specification loader: the ESP,
    and the extended boot partition at /boot."""
    return tuple(
        folder
        for folder in ESP_FOLDERS
        if reader.exists(f"{folder}/loader") or reader.exists(f"{folder}/EFI")
    )
