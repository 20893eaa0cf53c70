"""Checks on images that a generator has just made: it may end well and have done nothing.

update-initramfs(8) does so when /boot is read-only or update_initramfs=no; dracut(8) and
mkinitcpio(8) leave out with a warning what they cannot find.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from backends.initramfs.state import Contents
from backends.reader import Reader
from backends.steps import Expect, Ran, RenameFile, Run, Step

# vfat keeps times to 2 s (inode.c fat_time_unix2fat), other file systems to a clock tick.
_CLOCK_NS = 2_000_000_000
_MODULE = ".ko"


def expect_made_again(images: Iterable[str]) -> Expect:
    """Every one of these files is new."""
    names = tuple(images)
    return Expect("made-again", names[0], words=names)


def list_image(lister: str, image: str, contents: Contents) -> Run:
    """The step that looks into an image with the generator's own program."""
    words = (*(f"{m}{_MODULE}" for m in contents.modules), *contents.files)
    return Run(
        (lister, image),
        timeout=120,
        expect=Expect("initramfs", image, words=words, absent=contents.gone),
    )


def made_aside(
    lister: str, image: str, recipe: Sequence[str], contents: Contents
) -> tuple[Step, ...]:
    """An image made beside the one that it takes the place of, once it was looked into."""
    aside = f"{image}.reconcile"
    argv = (*recipe, aside)
    return (
        Run(argv, timeout=1800, expect=expect_made_again([aside]), touches=(aside,)),
        list_image(lister, aside, contents),
        RenameFile(aside, image, again=argv),
    )


def made_again(reader: Reader, expect: Expect, ran: Ran) -> str | None:
    """The first image that is missing, empty, or older than the program's start."""
    for image in expect.words:
        stat = reader.stat(image)
        if stat is None or not stat.size:
            return f"{image} was not made"
        if stat.mtime_ns + _CLOCK_NS < ran.began_ns:
            return f"{image} was not made again, though the program reports success"
    return None


def holds(reader: Reader, expect: Expect, ran: Ran) -> str | None:
    """What the listing lacks, or has though it should have gone."""
    listed = [_plain(line.split(" -> ")[0].split()[-1]) for line in ran.out.splitlines() if line]
    if not listed:
        return "the listing of the image is empty"
    for word in expect.words:
        if not _has(listed, word) and not _is_builtin(reader, expect.path, word):
            return f"{word} is not in the image"
    for word in expect.absent:
        if _has(listed, word):
            return f"{word} is in the image still"
    return None


def _plain(name: str) -> str:
    """A module's name without its compression, with ``-`` for ``_``: both are one to modprobe."""
    found = re.fullmatch(r"(?P<folder>.*/)?(?P<stem>[^/]+\.ko)(\.(xz|gz|zst))?", name)
    return name if found is None else found["stem"].replace("_", "-")


def _has(listed: list[str], word: str) -> bool:
    if word.endswith(_MODULE):
        return word.replace("_", "-") in listed
    # udev rules move from /etc to /lib on their way in; the folder's and the file's name stay.
    tail = "/".join(word.split("/")[-2:])
    return any(name == tail or name.endswith("/" + tail) for name in listed)


def _is_builtin(reader: Reader, image: str, word: str) -> bool:
    """Whether the kernel that the image is for has the module built in (kbuild.rst)."""
    if not word.endswith(_MODULE):
        return False
    kernels = [k for k in reader.list("/lib/modules") if k in image]
    texts = [reader.read_text(f"/lib/modules/{k}/modules.builtin") or "" for k in kernels]
    name = word.replace("_", "-")
    return any(name in (_plain(line) for line in text.splitlines()) for text in texts)
