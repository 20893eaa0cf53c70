"""A tree that can be put back, a run over it that is disturbed, and what is wrong afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.roots.faults.points import Fault
from tests.roots.faults.tool import Tool
from tests.roots.snapshot import snapshot

# What a run changes, and what a copy of the tree must be reset to between two faults.
_CHANGED = (
    *(f"etc/{name}" for name in ("default", "initramfs-tools", "kernel", "modprobe.d", "udev")),
    "boot",
    "var/lib/reconcile",
    "run",
)
# Files that are all old or all new once a run has ended by itself.
_BOOT = ("/boot/grub/grub.cfg", "/etc/default/grub.d/zz-reconcile.cfg", "/etc/kernel/cmdline")
_BUG = 70
OWNED = "var/lib/reconcile/owned.json"


@dataclass
class Bench:
    """``argv`` is the run that is disturbed, and the one that follows it. ``after`` and ``owned``
    are what an undisturbed run leaves."""

    tool: Tool
    root: Path
    kept: Path
    argv: tuple[object, ...]
    before: dict[str, str]
    after: dict[str, str]
    owned: bytes

    @classmethod
    def of(cls, tool: Tool, root: Path, argv: tuple[object, ...]) -> Bench:
        """Run undisturbed once, and put everything back."""
        bench = cls(tool, root, root.with_name("kept"), argv, snapshot(root), {}, b"")
        put_back(root, bench.kept)
        done = tool(argv)
        assert done.code == 0, done.text
        bench.after = snapshot(root)
        bench.owned = (root / OWNED).read_bytes()
        bench.reset()
        assert snapshot(root) == bench.before
        return bench

    def reset(self) -> None:
        """The tree as it was before."""
        put_back(self.kept, self.root)

    def trouble(self, fault: Fault) -> str:
        """What is wrong after a disturbed run and the next one; empty: it survived."""
        self.reset()
        hit = self.tool(self.argv, "-o", "/dev/null", "-e", fault.inject)
        wait_for_orphans(self.root)
        if torn := self.torn(hit.code):
            return f"{torn}\n{hit.text}"
        again = self.tool(self.argv)
        if again.code:
            return f"the next run ended with {again.code}: {again.text}"
        now = snapshot(self.root)
        if now != self.after:
            return f"the next run left {differing(now, self.after)}"
        if (self.root / OWNED).read_bytes() != self.owned:
            return "the next run left another record of what is owned"
        return ""

    def torn(self, code: int) -> str:
        """What a disturbed run that ended with ``code`` should not have left."""
        if code == _BUG:
            return "a traceback"
        now = snapshot(self.root)
        torn = [
            path
            for path in {*self.before, *self.after}
            if now.get(path) not in (self.before.get(path), self.after.get(path))
        ]
        if torn:
            return f"neither old nor new: {sorted(torn)}"
        boot = [p for p in {*now, *self.after} if p in _BOOT or "/loader/entries/" in p]
        changed = [p for p in boot if self.before.get(p) != self.after.get(p)]
        news = {now.get(path) == self.after.get(path) for path in changed}
        if code in (0, 1) and len(news) > 1:
            return f"the run ended (exit {code}) with a boot configuration that is half new"
        if code == 0 and now != self.after:
            return f"exit 0, but not done: {differing(now, self.after)}"
        return ""


def differing(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """The paths that are not the same in both."""
    return sorted(p for p in {*one, *other} if one.get(p) != other.get(p))


def put_back(kept: Path, root: Path) -> None:
    """Replace everything that a run changes by what was kept."""
    for name in _CHANGED:
        shutil.rmtree(root / name, ignore_errors=True)
        if (kept / name).exists():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", kept / name, root / name], check=True)


def wait_for_orphans(root: Path) -> None:
    """Programs that a killed run had started end by themselves; wait for them."""
    for _ in range(300):
        if not any(_lives_in(process, root) for process in Path("/proc").glob("[0-9]*")):
            return
        time.sleep(0.1)
    raise AssertionError(f"programs are still running in {root}")


def _lives_in(process: Path, root: Path) -> bool:
    try:
        return os.readlink(process / "root") == str(root)
    except OSError:
        return False
