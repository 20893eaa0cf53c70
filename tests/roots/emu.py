"""A real GRUB that reads loader entries (blscfg): grub-emu of Debian forky, in a root of its own.

It runs as a program, reads files of the root as the device ``host``, and, told to boot a kernel,
prints the command line that it would give it; there is no kexec in the root.
"""

from __future__ import annotations

import fcntl
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.lab.base import LabError, call, digest, need
from tests.lab.rootfs import sources
from tests.roots.build import state_dir
from tests.roots.enter import run_in

_SUITE, _PACKAGES = "forky", ("grub-emu",)
_RUN = "yes '' | TERM=dumb timeout 6 grub-emu -d /config"
_CONFIG = """set root=host
set debug=linux
blscfg --path (host)/loader/entries
set default=0
set timeout=0
"""
_LINE = re.compile(r"kexec -la (\S+)\s.*?--command-line=(.*?)'\n", re.S)


def ensure() -> Path:
    """The root, never to be written to; built when it is not in the cache."""
    root = state_dir() / f"emu-{digest(_SUITE, *_PACKAGES)}"
    with open(state_dir() / "emu.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            _build(root)
    return root


def _build(root: Path) -> None:
    need("mmdebstrap")
    unfinished = root.with_name(root.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    call(
        *("mmdebstrap", "--quiet", "--variant=minbase", "--format=directory"),
        f"--include={','.join(_PACKAGES)}",
        '--aptopt=APT::Install-Recommends "false"',
        '--aptopt=Acquire::Check-Valid-Until "false"',
        *("--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*"),
        _SUITE,
        unfinished,
        *sources(_SUITE),
    )
    if list(unfinished.glob("usr/sbin/kexec")):
        raise LabError("grub-emu's root has kexec: it could restart this machine")
    unfinished.rename(root)


def kernel_line(root: Path, entry: str, variables: Mapping[str, str] | None = None) -> str | None:
    """GRUB's words for the kernel of one entry file, joined by spaces (what quotes words with
    spaces again is not in grub-emu); None where it boots nothing."""
    for folder in ("loader/entries", "config"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "loader/entries/entry.conf").write_text(entry)
    set_lines = "".join(f'set {name}="{value}"\n' for name, value in (variables or {}).items())
    (root / "config/grub.cfg").write_text(set_lines + _CONFIG)
    for path in re.findall(r"(?m)^(?:linux|initrd)\s+/(\S+)", entry):
        (root / path).write_text("x\n")
    shown = run_in(root, "sh", "-c", _RUN).stdout
    found = _LINE.search(shown)
    return found[2] if found else None


def is_line(shown: str | None, line: str) -> bool:
    """Whether GRUB showed this line: it breaks it at 80 letters, with or without a space there."""
    parts = [re.escape(part) for part in (shown or "").strip().split("\n")]
    return shown is not None and re.fullmatch(" ?".join(parts), line) is not None
