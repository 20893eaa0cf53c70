"""Root file systems from Debian packages, as a tar that is cached by what went into it."""

from __future__ import annotations

import shlex
from pathlib import Path

from .base import HERE, LabError, call, digest, locked, need, subdir, texts, used
from .flavours import Flavour

KERNELS = HERE / "inside" / "kernels.sh"
# These have no security archive of their own.
TESTING = frozenset({"forky", "sid"})


def _sites() -> list[str]:
    """The archive addresses that this machine's apt uses."""
    need("apt-get")
    listed = call(
        "apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"
    ).splitlines()
    return sorted({site.rstrip("/") for site in listed})


def sources(suite: str) -> list[str]:
    """sources.list lines for a suite, from the mirrors of this machine's own apt."""
    sites = _sites()
    main = [s for s in sites if s.endswith("/debian")]
    security = [s for s in sites if s.endswith("/debian-security")]
    if not main:
        raise LabError("apt here knows no Debian archive (an address that ends in /debian)")
    lines = [f"deb {main[0]} {suite} main"]
    if security and suite not in TESTING:
        lines.append(f"deb {security[0]} {suite}-security main")
    return lines


def key(flavour: Flavour) -> str:
    """Changes with the suite, the package list and the scripts that make the root file system."""
    inputs = [KERNELS, Path(__file__)]
    return digest(flavour.suite, *flavour.include, *texts(inputs))


def ensure(flavour: Flavour) -> Path:
    """The flavour's root file system as a .tar.zst, built when it is not in the cache."""
    tar = subdir("cache") / f"rootfs-{flavour.name}-{key(flavour)}.tar.zst"
    with locked(f"rootfs-{flavour.name}"):
        if not tar.exists():
            _build(flavour, tar)
    return used(tar)


def _build(flavour: Flavour, tar: Path) -> None:
    need("mmdebstrap", "zstd")
    unfinished = tar.with_suffix(".new")
    excluded = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")
    call(
        *("mmdebstrap", "--quiet", "--variant=minbase", "--format=tar"),
        f"--include={','.join(flavour.include)}",
        '--aptopt=APT::Install-Recommends "false"',
        '--aptopt=Acquire::Check-Valid-Until "false"',
        *(f"--dpkgopt=path-exclude={pattern}" for pattern in excluded),
        # The kernels come last: the newest stays a package file for "a new kernel is installed".
        f'--customize-hook=exec sh {shlex.quote(str(KERNELS))} "$1"',
        *("--skip=cleanup/apt/lists", flavour.suite, f"{unfinished}.tar"),
        *sources(flavour.suite),
    )
    call("zstd", "-q", "-f", "-T0", "-3", "--rm", f"{unfinished}.tar", "-o", unfinished)
    unfinished.rename(tar)
