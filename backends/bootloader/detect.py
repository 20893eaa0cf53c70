"""Which boot loader starts this host: evidence first, contradictions refused."""

from __future__ import annotations

from collections.abc import Mapping

from backends.bootloader import backend, names
from backends.bootloader.grub_family import GRUB2, UPSTREAM
from backends.bootloader.state import BootProblem, BootState, Evidence, Strength
from backends.bootloader.unsupported import unsupported
from backends.formats.cmdline import tokens
from backends.reader import Reader
from specs.record import replace

UNKNOWN = "unknown"

Finds = Mapping[str, Evidence]


def observe_boot(reader: Reader, loader: str = "auto", *, trial: bool = False) -> BootState:
    """The boot state of this host by the backend that the evidence (or the spec) names; with
    ``trial`` also what is there of an entry for one boot."""
    state = _observe(reader, loader)
    if not trial:
        return state
    from backends.bootloader.trial import with_trial

    return with_trial(reader, state)


def _observe(reader: Reader, loader: str) -> BootState:
    running = running_arguments(reader)
    problem = unsupported(reader)
    if problem is not None:
        return BootState(UNKNOWN, (), running, problems=(problem,))
    found = {name: evidence for name in names() if (evidence := backend(name).detect(reader))}
    if loader != "auto":
        return _declared(reader, loader, found, running)
    if not found:
        return BootState(UNKNOWN, (), running, problems=(_nothing_found(reader),))
    name = max(found, key=lambda n: found[n].strength)
    sentences = (*found[name].sentences, *_leftovers(found, name))
    state = backend(name).read(reader, sentences)
    return with_problems(state, *_contradictions(found, name))


def running_arguments(reader: Reader) -> tuple[str, ...]:
    """/proc/cmdline less BOOT_IMAGE= and initrd=, which the loader adds itself."""
    text = reader.read_text("/proc/cmdline") or ""
    return tuple(t for t in tokens(text) if not t.startswith(("BOOT_IMAGE=", "initrd=")))


def _declared(reader: Reader, loader: str, found: Finds, running: tuple[str, ...]) -> BootState:
    """What the spec names; where a tool writes that loader's entries, the tool."""
    name = next((n for n, e in found.items() if e.serves == loader), loader)
    if name in found:
        return backend(name).read(reader, found[name].sentences)
    seen = "; ".join(f"{n}: {', '.join(e.sentences)}" for n, e in found.items())
    problem = BootProblem(
        "bootloader-unsupported",
        f"the spec says loader = {loader!r}, but nothing here shows it; "
        f"found {seen or 'no boot loader at all'}",
        'leave boot.loader out, or set it to "auto"',
        where="boot.loader",
    )
    return BootState(UNKNOWN, (), running, problems=(problem,))


def _leftovers(found: Finds, name: str) -> tuple[str, ...]:
    """Loaders whose files lie there beside the one that booted: worth knowing, no harm."""
    served = found[name].serves
    return tuple(
        f"left over from {other}: {evidence.sentences[0]}"
        for other, evidence in found.items()
        if evidence.strength is Strength.LIES_THERE and other not in (name, served)
    )


def _contradictions(found: Finds, name: str) -> tuple[BootProblem, ...]:
    """Two that both look like what booted this kernel: whose files count cannot be told."""
    served = found[name].serves
    others = {n: e for n, e in found.items() if n not in (name, served)}
    rival = next((n for n, e in others.items() if e.strength >= Strength.FITS), None)
    if rival is None and found[name].strength > Strength.LIES_THERE:
        return ()
    rival = rival or next(iter(others), None)
    if rival is None:
        return ()
    message = (
        f"{name} ({'; '.join(found[name].sentences)}) and {rival} "
        f"({'; '.join(found[rival].sentences)}) both look like what starts this kernel"
    )
    hint = f'say which one it is: boot.loader = "{name}" or "{rival}"'
    return (BootProblem("bootloader-unsupported", message, hint, where="boot.loader"),)


def _nothing_found(reader: Reader) -> BootProblem:
    family = next((f for f in (UPSTREAM, GRUB2) if reader.exists(f.config)), None)
    if family:
        message = f"{family.config} is there, but {family.mkconfig}, which makes it, is not"
        hint = f"install the package {family.package}"
    else:
        message = f"no boot loader that reconcile knows was found ({', '.join(names())})"
        hint = "kernel arguments cannot be managed here; look at /boot and the ESP, mounted?"
    return BootProblem("bootloader-unknown", message, hint, where="boot.loader")


def with_problems(state: BootState, *problems: BootProblem) -> BootState:
    """The state with more problems."""
    return replace(state, problems=state.problems + problems)
