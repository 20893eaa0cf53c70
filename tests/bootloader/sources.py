"""Applying a backend's file edits to a tree, as apply would, without regenerating anything."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from backends.bootloader import Bootloader
from backends.bootloader.state import BootEdit, BootState, BootWish, OwnedFile
from backends.reader import TreeReader

HEADER = "# Written by reconcile from /s.toml; edit that spec, not this file.\n"


class Sources:
    """A tree, a backend, and what is owned so far."""

    def __init__(self, root: Path, backend: Bootloader) -> None:
        self.root = root
        self.backend = backend
        self.owned: tuple[str, ...] = ()
        self.files: dict[str, OwnedFile] = {}
        self.kept: Mapping[str, tuple[str, ...]] = {}

    def state(self) -> BootState:
        """Observed now."""
        reader = TreeReader(self.root)
        return self.backend.read(reader, ())

    def edit(self, args: Sequence[str], absent: Sequence[str] = ()) -> BootEdit:
        """What would be done."""
        wish = BootWish(tuple(args), tuple(absent), self.owned, dict(self.files), HEADER, self.kept)
        return self.backend.edit(self.state(), wish)

    def apply(self, args: Sequence[str], absent: Sequence[str] = ()) -> BootEdit:
        """Edit towards these arguments, remembering what is owned."""
        change = self.edit(args, absent)
        assert not [p for p in change.problems if p.refuse], change.problems
        for file in change.files:
            path = self.root / file.path.lstrip("/")
            if file.after is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(file.after)
            if file.after is None or file.after == file.base:
                self.files.pop(file.path, None)
            else:
                digest = hashlib.sha256(file.after).hexdigest()
                self.files[file.path] = OwnedFile(file.base, file.mode, digest)
        self.owned, self.kept = change.added, change.kept
        return change

    def content(self, *folders: str) -> dict[str, bytes]:
        """Every file below these folders."""
        tops = [self.root / f.lstrip("/") for f in folders]
        return {str(p): p.read_bytes() for t in tops for p in sorted(t.rglob("*")) if p.is_file()}
