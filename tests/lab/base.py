"""What every part of the lab needs: its state directory, its error, programs, locks, digests."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent


class LabError(Exception):
    """The lab itself failed (a tool is missing, a guest does not answer); not a test's verdict."""


def state_dir() -> Path:
    """$RECONCILE_LAB, default /var/tmp/reconcile-lab: images, caches, run folders."""
    path = Path(os.environ.get("RECONCILE_LAB") or "/var/tmp/reconcile-lab")
    path.mkdir(parents=True, exist_ok=True)
    return path


def subdir(name: str) -> Path:
    """A folder of the state directory, made when missing."""
    path = state_dir() / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def need(*programs: str) -> None:
    """Raise LabError naming the programs that are not installed."""
    missing = [p for p in programs if shutil.which(p) is None]
    if missing:
        raise LabError(f"not installed: {', '.join(missing)} (tests/apt-packages.txt has them)")


def need_root() -> None:
    """Raise LabError for other users: images are made with mmdebstrap and chroot."""
    if os.geteuid() != 0:
        raise LabError("needs root: images are made with mmdebstrap and chroot")


def call(*argv: str | Path, cwd: Path | None = None) -> str:
    """Run a program of this machine and return its stdout; LabError with its stderr on failure."""
    words = [str(a) for a in argv]
    done = subprocess.run(words, cwd=cwd, capture_output=True, text=True, errors="replace")
    if done.returncode:
        raise LabError(f"{' '.join(words)}: exit {done.returncode}\n{done.stderr[-3000:]}")
    return done.stdout


def digest(*parts: str | bytes) -> str:
    """Twelve hex digits that change when any part changes; names of cached files."""
    h = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        h.update(len(data).to_bytes(8, "big") + data)
    return h.hexdigest()[:12]


def texts(paths: Sequence[Path]) -> list[str]:
    """File contents, each led by the file's name, for digest()."""
    return [f"{p.name}\n{p.read_text()}" for p in paths]


DAY = 86400.0


def used(path: Path) -> Path:
    """Say that a cached file or folder is in use; see prune()."""
    os.utime(path)
    return path


def prune(folder: str, pattern: str = "*") -> None:
    """Remove what nobody has used for a day. Not at once: another checkout may be at work with
    images of its own, and a guest may be running from one."""
    for path in subdir(folder).glob(pattern):
        if path.stat().st_mtime < time.time() - DAY:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a lock among all processes that use this state directory."""
    with open(subdir("locks") / name, "w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
