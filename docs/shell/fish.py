"""Completion for fish(1)."""

from __future__ import annotations

from collections.abc import Iterator

from docs.shell import CONNECTIONS, DEVICES, MADE
from reconciler.options import FORMATS, MODES, OPTIONS

_TAKES = {
    "DIR": "-x -a '(__fish_complete_directories)'",
    "FILE": "-r -F",
    "FORMAT": f"-x -a '{' '.join(FORMATS)}'",
    "URI": f"-x -a '{' '.join(CONNECTIONS)}'",
    "DEVICE": f"-x -a '(command ls {DEVICES} 2>/dev/null)'",
}


def script() -> str:
    """The file for share/fish/vendor_completions.d."""
    return "\n".join([MADE, *_function(), *_modes(), *_options()]) + "\n"


def _function() -> Iterator[str]:
    names = "|".join(mode.name for mode in MODES)
    yield "function __reconcile_has_no_mode"
    yield f"    not string match -qr -- '^--({names})$' (commandline -opc)"
    yield "end"


def _modes() -> Iterator[str]:
    """Offered until there is one."""
    for mode in MODES:
        shown = f"complete -c reconcile -n __reconcile_has_no_mode -l {mode.name}"
        yield f"{shown} -d {_quoted(mode.text)}"


def _options() -> Iterator[str]:
    for option in OPTIONS:
        words = ["complete", "-c", "reconcile"]
        for flag in option.flags:
            words += ["-l" if flag.startswith("--") else "-s", flag.lstrip("-")]
        if option.value:
            words.append(_TAKES[option.value])
        yield " ".join([*words, "-d", _quoted(option.text)])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
