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


HOW_TO_SIGN = "set SecureBootPrivateKey= and SecureBootCertificate= in /etc/kernel/uki.conf"
_UKI_CONF = ("/etc/kernel/uki.conf", "/usr/lib/kernel/uki.conf")
_KEYS = {
    "SecureBootPrivateKey": "--secureboot-private-key=",
    "SecureBootCertificate": "--secureboot-certificate=",
}
# sbctl(8) signs what kernel-install or mkinitcpio has made.
_SIGNERS = ("/usr/lib/kernel/install.d/91-sbctl.install", "/usr/lib/initcpio/post/sbctl")


def uki_keys(reader: Reader) -> tuple[str, ...]:
    """ukify(1)'s options for the keys that its configuration names; empty without a pair."""
    texts = [text for path in _UKI_CONF if (text := reader.read_text(path)) is not None]
    pairs = [line.partition("=") for line in (texts[0].splitlines() if texts else ())]
    found = {name.strip(): value.strip() for name, _, value in pairs if name.strip() in _KEYS}
    both = all(found.get(name) for name in _KEYS)
    return tuple(option + found[name] for name, option in _KEYS.items()) if both else ()


def uki_signer(reader: Reader) -> str | None:
    """Who signs a unified kernel image that is built here, or None."""
    if uki_keys(reader):
        return next(path for path in _UKI_CONF if reader.exists(path))
    return next((path for path in _SIGNERS if reader.exists(path)), None)


def boot_folders(reader: Reader) -> tuple[str, ...]:
    """Mount points that hold entries or images of a Boot Loader Specification loader: the ESP,
    and the extended boot partition at /boot. A link to another one is not a second one."""
    found = (
        reader.realpath(folder)
        for folder in ESP_FOLDERS
        if reader.exists(f"{folder}/loader") or reader.exists(f"{folder}/EFI")
    )
    return tuple(dict.fromkeys(found))
