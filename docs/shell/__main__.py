"""``python -m docs.shell``: write the man page and the completions anew."""

from __future__ import annotations

from pathlib import Path

from docs.shell import bash, fish, man, zsh

HERE = Path(__file__).parent


def pages() -> dict[str, str]:
    """File name here, and what is in it."""
    return {
        "reconcile.8": man.page(),
        "reconcile.bash": bash.script(),
        "_reconcile": zsh.script(),
        "reconcile.fish": fish.script(),
    }


if __name__ == "__main__":
    for name, text in pages().items():
        (HERE / name).write_text(text)
