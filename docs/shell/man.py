"""reconcile(8) in the man(7) macros."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from reconciler import __version__
from reconciler.options import EXIT_CODES, MODES, OPTIONS, SUMMARY, Option

_DATE = "2026-11-26"  # of the last edit of this text
_DESCRIPTION = (
    "reconcile compares a spec, a TOML file that says which devices, CPUs, hugepages and boot "
    "configuration virtual machines need, with what the host really has; shows every change that "
    "is missing, with its reason and when it takes effect; and makes it, looking again after each. "
    "A second run changes nothing. What would be unsafe is refused, with all reasons at once.",
    "SPEC is a file; or a folder, from which the one spec is taken whose [host] names this "
    "machine; or missing: $RECONCILE_SPEC, else /etc/reconcile/host.toml, with --root that of the "
    "tree if it has one. "
    "reconcile never reboots the machine.",
)
_ENVIRONMENT = (
    ("RECONCILE_SPEC", "The spec, where none is named."),
    ("NO_COLOR", "No colours, whatever it is set to; TERM=dumb does the same."),
    ("SSH_CONNECTION", "The network card that this session came in by is not given away."),
)
_FILES = (
    ("/etc/reconcile/host.toml", "The default spec."),
    ("/var/lib/reconcile", "The journal, what stood there before, and what reconcile owns."),
    ("/run/reconcile.lock", "Held while a run is at work."),
)
_EXAMPLES = (
    ("Which devices a VM could have", "reconcile --inspect"),
    ("A first spec, for one device", "reconcile --init --for 0000:01:00.0 > host.toml"),
    ("What would be done, and why", "reconcile --plan host.toml -v"),
    ("Exactly the plan that was reviewed", "reconcile --plan host.toml --out plan.json"),
    ("", "reconcile --apply plan.json"),
    ("In a pipeline, for a host that is elsewhere", "reconcile --plan host.toml --state host.json"),
)


def page() -> str:
    """The file for share/man/man8."""
    lines = [f'.TH RECONCILE 8 {_DATE} "reconcile {__version__}" "System administration"']
    lines += [".SH NAME", f"reconcile \\- {_roff(SUMMARY)}"]
    lines += [".SH SYNOPSIS", ".B reconcile", "MODE [SPEC] [options]"]
    lines += [".SH DESCRIPTION", *_lines(_DESCRIPTION[0]), ".PP", *_lines(_DESCRIPTION[1])]
    lines += [".SH MODES", "Exactly one.", *_tagged((m.shown, m.text) for m in MODES)]
    lines += [".SH OPTIONS", *_tagged((option.shown, _said(option)) for option in OPTIONS)]
    lines += [".SH EXIT STATUS", *_tagged((str(code), text) for code, _, text in EXIT_CODES)]
    lines += [".SH ENVIRONMENT", *_tagged(_ENVIRONMENT)]
    lines += [".SH FILES", *_tagged(_FILES)]
    lines += [".SH EXAMPLES", *_examples()]
    lines += [".SH SEE ALSO", ".BR virsh (1),", ".BR lspci (8),", ".BR update\\-initramfs (8)"]
    return "\n".join(lines) + "\n"


def _said(option: Option) -> str:
    return f"{option.text}. {option.more}".removesuffix(". ")


def _tagged(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    for tag, text in pairs:
        yield from (".TP", f".B {_roff(tag)}", *_lines(text))


def _examples() -> Iterator[str]:
    for about, command in _EXAMPLES:
        if about:
            yield from (".TP", _roff(about))
        yield from (".EX", _roff(command), ".EE")


def _lines(text: str) -> list[str]:
    """Short lines of source, as mandoc(1) wants them."""
    return textwrap.wrap(_roff(text), 78, break_on_hyphens=False, break_long_words=False)


def _roff(text: str) -> str:
    """Text as it is: no escape, no request (groff_char(7): a minus that can be copied)."""
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{plain}" if plain[:1] in (".", "'") else plain
