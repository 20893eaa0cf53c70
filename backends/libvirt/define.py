"""Make a domain what a step says, with the secrets that the step must not carry."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backends.files import read_regular
from backends.formats import domain_xml
from backends.formats.domain_xml.tree import MAX_BYTES
from backends.reader import Done
from backends.steps import DefineDomain, Step
from specs.errors import ReconcileError

Virsh = Callable[[Sequence[str], "str | None"], Done]
"""Runs virsh (argv, standard input) to its end."""


class DomainError(ReconcileError):
    """libvirt did not do what was asked; the message is its own."""


def perform(step: DefineDomain, uri: str, virsh: Virsh) -> None:
    """Define, change or remove a domain; never stops, starts or restarts one.

    Secrets of the present definition (virsh dumpxml --security-info) are merged into the new one
    on the way: they pass through this process's memory and a pipe only. Raises DomainError.
    """
    if step.xml is None:
        _undefine(step, uri, virsh)
        return
    secrets = _dump(step, uri, virsh, secure=True) or _from_file(step)
    xml = step.xml if secrets is None else domain_xml.merge(step.xml, secrets)
    _run(step, uri, virsh, ["define", "/dev/stdin"], xml)
    if step.autostart is not None:
        _autostart(step, uri, virsh, step.autostart)


def inverse(step: DefineDomain, uri: str, virsh: Virsh) -> tuple[Step, ...]:
    """The step that brings the present definition and autostart mark back, without secrets."""
    present = _dump(step, uri, virsh, secure=False)
    if present is None:
        # Nothing there yet: only what this step defines is to go again.
        return () if step.xml is None else (DefineDomain(step.domain, None, uuid=step.uuid),)
    uuid = domain_xml.uuid(present)
    marked = uuid in _run(step, uri, virsh, ["list", "--all", "--uuid", "--autostart"]).out.split()
    return (DefineDomain(step.domain, present, marked, uuid),)


def _dump(step: DefineDomain, uri: str, virsh: Virsh, *, secure: bool) -> str | None:
    """The present persistent definition, or None when there is no such domain."""
    option = ["--security-info"] if secure else []
    argv = [*_virsh(uri), "dumpxml", "--inactive", *option, f"--domain={_key(step)}"]
    done = virsh(argv, None)
    if done.rc == 0:
        return done.out
    if "failed to get domain" in done.err.lower():
        return None
    raise _error(step, done)


def _from_file(step: DefineDomain) -> str | None:
    """The definition that a new domain comes from; the step holds it without its secrets."""
    if step.definition is None:
        return None
    try:
        return read_regular(step.definition, MAX_BYTES).decode("utf-8", "surrogateescape")
    except OSError as e:
        hint = "put the file back, or plan again"
        raise DomainError(f"cannot read: {e.strerror}", where=step.definition, hint=hint) from e


def _undefine(step: DefineDomain, uri: str, virsh: Virsh) -> None:
    """Only the definition goes: disks stay, NVRAM, and the secrets that a TPM holds (virsh(1),
    undefine: since libvirt 8.9 --keep-tpm, before that they went)."""
    present = _dump(step, uri, virsh, secure=False)
    if present is None:
        return
    keep = ["--keep-nvram", *(["--keep-tpm"] if domain_xml.has_tpm(present) else [])]
    _run(step, uri, virsh, ["undefine", *keep, f"--domain={_key(step)}"])


def _autostart(step: DefineDomain, uri: str, virsh: Virsh, wanted: bool) -> None:
    off = [] if wanted else ["--disable"]
    _run(step, uri, virsh, ["autostart", *off, f"--domain={_key(step)}"])


def _run(
    step: DefineDomain, uri: str, virsh: Virsh, command: Sequence[str], stdin: str | None = None
) -> Done:
    done = virsh([*_virsh(uri), *command], stdin)
    if done.rc:
        raise _error(step, done)
    return done


def _virsh(uri: str) -> list[str]:
    return ["virsh", "--quiet", "--connect", uri]


def _key(step: DefineDomain) -> str:
    """The UUID where it is known: a name of digits would be taken for an id."""
    return step.uuid or step.domain


def _error(step: DefineDomain, done: Done) -> DomainError:
    lines = [line.removeprefix("error:").strip() for line in done.err.splitlines() if line.strip()]
    return DomainError(
        lines[-1] if lines else f"virsh ended with status {done.rc}",
        where=f"domain {step.domain}",
        hint="that is libvirt's own message; end its cause, and run again",
    )
