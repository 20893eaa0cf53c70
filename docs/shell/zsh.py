"""Completion for zsh(1): one call of _arguments (zshcompsys)."""

from __future__ import annotations

from docs.shell import CONNECTIONS, DEVICES, MADE
from reconciler.options import FORMATS, MODES, OPTIONS, Option

_TAKES = {
    "DIR": "_files -/",
    "FILE": "_files",
    "FORMAT": f"({' '.join(FORMATS)})",
    "URI": f"({' '.join(word.replace(':', chr(92) + ':') for word in CONNECTIONS)})",
    "DEVICE": "_reconcile_devices",
}


def script() -> str:
    """The file for share/zsh/site-functions."""
    lines = ["#compdef reconcile", MADE, ""]
    lines += ["_reconcile_devices() {", f"  compadd -- {DEVICES}/*(N:t)", "}", ""]
    lines += ["_reconcile() {", "  _arguments -s -S \\"]
    lines += [f"    {part} \\" for part in (*_modes(), *map(_option, OPTIONS))]
    lines += ["    '*:SPEC:_files -g \"*.(toml|json)(-.)\"'", "}", "", '_reconcile "$@"']
    return "\n".join(lines) + "\n"


def _modes() -> list[str]:
    """Exactly one of them is offered."""
    others = " ".join(f"--{mode.name}" for mode in MODES)
    return [
        _quoted(f"({others})--{mode.name}[{_plain(mode.text)}]{_takes(mode.takes)}")
        for mode in MODES
    ]


def _option(option: Option) -> str:
    explained = _quoted(f"[{_plain(option.text)}]{_takes(option.value)}")
    alone = "(- *)" if option.flags[-1] in ("--help", "--version") else ""
    if len(option.flags) == 1:
        return f"{_quoted(alone) if alone else ''}{option.flags[0]}{explained}"
    seen = alone or f"({' '.join(option.flags)})"
    return f"{_quoted(seen)}{{{','.join(option.flags)}}}{explained}"


def _takes(value: str) -> str:
    """A spec is an operand, wherever it stands; the rest follows its option."""
    return f":{value}:{_TAKES[value]}" if value in _TAKES else ""


def _plain(text: str) -> str:
    """Brackets and colons mean something to _arguments."""
    return "".join(f"\\{c}" if c in "[]:\\" else c for c in text)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
