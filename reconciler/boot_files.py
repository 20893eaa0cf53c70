"""A boot loader's file edits as steps and claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from backends.bootloader.state import FileEdit, OwnedFile
from backends.steps import RemoveFile, Step, WriteFile
from reconciler.model import Claim
from reconciler.ownership import digest, file_claim


def steps_of(files: Sequence[FileEdit], owned: Mapping[str, OwnedFile]) -> tuple[Step, ...]:
    """The steps that make the edits; what is owned says which folders go with a file."""
    steps: list[Step] = []
    for file in files:
        if file.after is None:
            known = owned.get(file.path)
            steps.append(RemoveFile(file.path, known.folders if known else ()))
        else:
            steps.append(WriteFile(file.path, file.after, file.mode))
    return tuple(steps)


def claim_of(
    file: FileEdit, owned: Mapping[str, OwnedFile], missing: Sequence[str], section: str
) -> Claim:
    """What is owned of an edited file; ``missing`` are the folders that are made for it."""
    if file.after is None or file.after == file.base:
        return Claim(section, file.path, None)
    known = owned.get(file.path)
    folders = known.folders if known else tuple(missing)
    return file_claim(
        file.path, OwnedFile(file.base, file.mode, digest(file.after), folders), section
    )
