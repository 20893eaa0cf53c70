"""Tools that are broken on purpose: what the lab must catch."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from . import wheels
from .base import CHECKOUT, LabError

_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "backends", "reconciler", "specs")


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of a source file: a text that stands there once, and what replaces it."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Mutant:
    """A defect, and the check of the story (its function's name) that must fail with it."""

    name: str
    flavour: str
    caught_by: str
    edits: tuple[Edit, ...]
    prepare: str = "true"  # a shell command, before the tool first runs

    def wheel(self, folder: Path) -> Path:
        """The checkout's wheel with the defect in it."""
        source = folder / "source"
        source.mkdir(parents=True)
        for name in _SOURCES:
            _copy(CHECKOUT / name, source / name)
        for edit in self.edits:
            path = source / edit.file
            text = path.read_text()
            if text.count(edit.old) != 1:
                raise LabError(f"mutant {self.name!r}: {edit.file} has no single {edit.old!r}")
            path.write_text(text.replace(edit.old, edit.new))
        return wheels.build(folder / "wheel", source)


def _copy(path: Path, to: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, to, ignore=shutil.ignore_patterns("__pycache__"))
    elif path.exists():
        shutil.copyfile(path, to)


_SYSTEMD_BOOT = "backends/bootloader/loaders/systemd_boot.py"
_TWO_ENTRIES = "cd /boot/efi/loader/entries && for e in *.conf; do cp $e second.conf; done"
_INITRAMFS = "reconciler/resources/initramfs.py"
_EXPECT = "backends/initramfs/expect.py"
MUTANTS = (
    Mutant(
        "a backend forgets one entry",
        "sdboot",
        "every_entry_has_the_arguments",
        (
            Edit(
                _SYSTEMD_BOOT,
                "for item in type1(reader, folder, machine_id)]",
                "for item in type1(reader, folder, machine_id)][:1]",
            ),
        ),
        _TWO_ENTRIES,
    ),
    Mutant(
        "a file is written too late for the initramfs",
        "grub-efi",
        "the_devices_are_ready",
        (
            Edit(_INITRAMFS, "order = 70", "order = 1"),
            Edit(_INITRAMFS, "requires=frozenset(c.id for c in causes)", "requires=frozenset()"),
            # The tool itself would see it: it remembers what is due, compares times, lists images.
            Edit(_INITRAMFS, 'due = causes or ctx.owned.get(SECTION, "due")', "due = causes"),
            Edit(_INITRAMFS, "if not due and not state.behind:", "if not due:"),
            Edit(_EXPECT, "words=words, absent=contents.gone", "words=()"),
        ),
    ),
)
