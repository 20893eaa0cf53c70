"""``python -m docs.shell``: write the man page and the completions anew."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import shtab
from argparse_manpage.manpage import Manpage

from reconciler import __version__
from reconciler.cli import parser

HERE = Path(__file__).parent
_COMPLETES = {"FILE": shtab.FILE, "DIR": shtab.DIRECTORY, "SPEC": shtab.FILE}


def pages() -> dict[str, str]:
    """File name here, and what is in it."""
    return {
        "reconcile.8": _man(),
        "reconcile.bash": _plain(shtab.complete(_described(), "bash")),
        "_reconcile": _plain(shtab.complete(_described(), "zsh")),
        "reconcile.fish": "".join(_fish()),
    }


def _described() -> argparse.ArgumentParser:
    """The parser, with what can stand behind each option."""
    found = parser()
    for action in found._actions:
        if action.metavar in _COMPLETES:
            # shtab reads this attribute; argparse knows nothing of it.
            vars(action)["complete"] = _COMPLETES[str(action.metavar)]
    return found


def _plain(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()).rstrip("\n") + "\n"


def _man() -> str:
    _, _, body = str(Manpage(_described())).partition("\n")
    head = f'.TH RECONCILE 8 "" "reconcile {__version__}" "System administration"\n'
    name = "reconcile \\- make a KVM host what its spec says"
    return _plain(head + body.replace(".SH NAME\nreconcile\n", f".SH NAME\n{name}\n", 1))


def _fish() -> Iterator[str]:
    yield "# Completion of reconcile(8) for fish(1). Made by: python -m docs.shell\n"
    for action in _described()._actions:
        if not action.option_strings:
            continue
        words = ["complete", "-c", "reconcile"]
        for option in action.option_strings:
            words += ["-l" if option.startswith("--") else "-s", option.lstrip("-")]
        takes = action.nargs != 0 and action.metavar is not None
        if takes:
            words.append("-r" if action.metavar in _COMPLETES else "-x")
        if action.dest == "format":
            words += ["-a", _quoted(str(action.help).replace(",", ""))]
        yield " ".join([*words, "-d", _quoted(str(action.help))]) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


if __name__ == "__main__":
    for name, text in pages().items():
        (HERE / name).write_text(text)
