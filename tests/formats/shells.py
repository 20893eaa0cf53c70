"""What the real shells of this machine make of a file."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path

SHELLS = ("dash", "bash")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def names_in(text: str) -> list[str]:
    """Everything in the text that could be a variable's name."""
    return sorted(set(_NAME.findall(text)) - {"IFS", "PATH", "OPTIND", "_", "LC_ALL"})


def source(shell: str, texts: list[str], names: list[str]) -> dict[str, str] | None:
    """The variables after the shell has sourced the texts in order; None if it stopped.

    Bytes are kept by surrogateescape. The files run with an empty PATH, so nothing is started.
    """
    program = shutil.which(shell)
    assert program, f"{shell} is not installed"
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, text in enumerate(texts):
            path = Path(folder, f"f{number}")
            path.write_bytes(text.encode("utf-8", "surrogateescape"))
            files.append(f'. "{path}" >/dev/null 2>&1 </dev/null')
        show = "".join(f' "${{{name}-}}"' for name in names)
        script = "\n".join(["set +e", *files, "printf '%s\\0' end" + show])
        argv = [program, *(["--norc", "--noprofile"] if shell == "bash" else []), "-c", script]
        done = subprocess.run(argv, capture_output=True, env={"PATH": ""}, check=False, cwd=folder)
    values = done.stdout.decode("utf-8", "surrogateescape").split("\0")
    if values[0] != "end":
        return None
    return dict(zip(names, values[1:], strict=False))
