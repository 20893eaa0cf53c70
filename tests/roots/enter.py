"""Running a program of a root file system inside it, with /proc and /dev mounted there.

The tests' own way in, kept apart from the product's: what one of them forgets, the other shows.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

_MOUNTS = """
set -e
mount -t proc proc "$1/proc"
mount --rbind /dev "$1/dev"
root=$1; shift
exec chroot "$root" env -i LC_ALL=C.UTF-8 HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
"""


def run_in(
    root: Path, *argv: str, check: bool = False, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program in a mount namespace of its own, chrooted to ``root``."""
    words = [*(f"{k}={v}" for k, v in (env or {}).items()), *argv]
    return subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", _MOUNTS, "sh", root, *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=check,
        timeout=600,
    )
