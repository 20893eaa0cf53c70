"""Which boot loader starts this host: evidence first, contradictions refused."""

from __future__ import annotations

from backends import efi
from backends.bootloader import NAMES, backend
from backends.bootloader.state import BootProblem, BootState
from backends.bootloader.unsupported import unsupported
from backends.formats.cmdline import tokens
from backends.reader import Reader
from specs.record import replace

UNKNOWN = "unknown"


def observe_boot(reader: Reader, loader: str = "auto") -> BootState:
    """The boot state of this host by the backend that the evidence (or the spec) names."""
    running = running_arguments(reader)
    problem = unsupported(reader)
    if problem is not None:
        return BootState(UNKNOWN, (), running, problems=(problem,))
    found = {name: evidence for name in NAMES if (evidence := backend(name).detect(reader))}
    if loader != "auto":
        return _declared(reader, loader, found, running)
    if not found:
        return BootState(UNKNOWN, (), running, problems=(_nothing_found(),))
    name = _strongest(reader, found)
    state = backend(name).read(reader, found[name])
    return with_problems(state, *_contradictions(reader, name))


def running_arguments(reader: Reader) -> tuple[str, ...]:
    """/proc/cmdline less BOOT_IMAGE= and initrd=, which the loader adds itself."""
    text = reader.read_text("/proc/cmdline") or ""
    return tuple(t for t in tokens(text) if not t.startswith(("BOOT_IMAGE=", "initrd=")))


def _declared(
    reader: Reader, loader: str, found: dict[str, tuple[str, ...]], running: tuple[str, ...]
) -> BootState:
    if loader in found:
        return backend(loader).read(reader, found[loader])
    seen = "; ".join(f"{n}: {', '.join(e)}" for n, e in found.items()) or "no boot loader at all"
    problem = BootProblem(
        "bootloader-unsupported",
        f"the spec says loader = {loader!r}, but nothing here shows it; found {seen}",
        'leave boot.loader out, or set it to "auto"',
        where="boot.loader",
    )
    return BootState(loader, (), running, problems=(problem,))


def _strongest(reader: Reader, found: dict[str, tuple[str, ...]]) -> str:
    """What booted this kernel beats what merely lies on the disk.

    The loader says its name in LoaderInfo (systemd-boot(7); GRUB's bli module does so too). Where
    nothing does: systemd-boot starts a kernel with ``initrd=`` on its line, GRUB with
    ``BOOT_IMAGE=``.
    """
    if "systemd-boot" in found and (_says_systemd_boot(reader) or not _by_grub(reader)):
        return "systemd-boot"
    if "grub2" in found and any("blscfg" in sentence for sentence in found["grub2"]):
        return "grub2"
    return next(name for name in ("grub-mkconfig", "grub2", "systemd-boot") if name in found)


def _says_systemd_boot(reader: Reader) -> bool:
    return (efi.loader_variable(reader, "LoaderInfo") or "").startswith("systemd-boot")


def _by_grub(reader: Reader) -> bool:
    return "BOOT_IMAGE=" in (reader.read_text("/proc/cmdline") or "")


def _contradictions(reader: Reader, name: str) -> tuple[BootProblem, ...]:
    """systemd-boot and GRUB one after the other: whose files count cannot be told from here."""
    if not (name == "systemd-boot" and _says_systemd_boot(reader) and _by_grub(reader)):
        return ()
    return (
        BootProblem(
            "bootloader-unsupported",
            "LoaderInfo says that systemd-boot ran, but BOOT_IMAGE= in /proc/cmdline is GRUB's",
            'say which one starts this kernel: boot.loader = "systemd-boot", "grub2" or '
            '"grub-mkconfig"',
            where="boot.loader",
        ),
    )


def _nothing_found() -> BootProblem:
    return BootProblem(
        "bootloader-unknown",
        "no boot loader that reconcile knows was found (GRUB 2 or systemd-boot)",
        "kernel arguments cannot be managed here; look at /boot and the ESP, mounted?",
        where="boot.loader",
    )


def with_problems(state: BootState, *problems: BootProblem) -> BootState:
    """The state with more problems."""
    return replace(state, problems=state.problems + problems)
