"""An addon of ours: systemd-stub appends its arguments to those of every image on the partition.

So kernels to come get them too. It can add, never remove. Sources: systemd-stub(7) (addons since
254), ukify(1).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial

from backends import efi
from backends.bootloader.state import BootEntry, BootProblem, BootState, BootWish
from backends.bootloader.wishes import absent_in, spelled
from backends.formats import pe
from backends.formats.cmdline import edit, join, tokens
from backends.formats.kernel_arg import kernel_form
from backends.reader import Reader
from backends.steps import Expect, RemoveFile, RenameFile, Run, Step

FOLDER = "loader/addons"
NAME = f"{FOLDER}/reconcile.addon.efi"
_ASIDE = "reconcile.addon.new"
_SINCE = 254
_STUB = "stub of "
_UKIFY = "ukify"
_OURS = "addon on "


def addon_facts(
    reader: Reader, folders: Sequence[str], images: Sequence[BootEntry]
) -> tuple[tuple[str, str], ...]:
    """The version of each image's stub, how an addon is made here, and what ours hold."""
    if not images:
        return ()
    stubs = [(i.source, _stub_version(reader, i.source)) for i in images]
    program = reader.exists("/usr/bin/ukify")
    keys = efi.uki_keys(reader)
    ours = [(f, read(reader, f"{f}/{NAME}")) for f in folders if reader.exists(f"{f}/{NAME}")]
    return (
        *((_STUB + path, str(version)) for path, version in stubs if version),
        *(((_UKIFY, join(keys)),) if program else ()),
        *((_OURS + folder, join(words)) for folder, words in ours),
    )


def arguments(reader: Reader, image: str) -> tuple[str, ...]:
    """What the stub appends to the words of an image: the partition's addons, then its own."""
    folder = image.partition("/EFI/")[0]
    homes = (f"{folder}/{FOLDER}", f"{image}.extra.d")
    paths = [f"{home}/{n}" for home in homes for n in reader.list(home)]
    return tuple(w for path in paths if path.endswith(".addon.efi") for w in read(reader, path))


def read(reader: Reader, path: str) -> tuple[str, ...]:
    """The arguments in one addon."""
    return tokens(pe.text_section(partial(reader.read_range, path), ".cmdline") or "")


def possible(state: BootState, image: BootEntry) -> bool:
    """Whether the image's stub reads addons, and one can be made here."""
    version = int(state.fact(_STUB + image.source) or 0)
    return version >= _SINCE and state.fact(_UKIFY) is not None


def steps(
    state: BootState, images: Sequence[BootEntry], wish: BootWish, added: Sequence[str]
) -> tuple[tuple[Step, ...], tuple[BootProblem, ...]]:
    """An addon with ``added`` on each partition that has one of the images; none for none."""
    folders = dict.fromkeys(i.source.partition("/EFI/")[0] for i in images)
    found: list[Step] = []
    for folder in folders:
        there = tokens(state.fact(_OURS + folder) or "")
        if there != tokens(_line(added)):
            found += _make(state, folder, added) if added else _remove(folder)
    return tuple(found), tuple(p for i in images for p in _stays(i, wish))


def _line(added: Sequence[str]) -> str:
    return join(kernel_form(a) for a in added)


def _make(state: BootState, folder: str, added: Sequence[str]) -> tuple[Step, ...]:
    """Beside the images, where it is not read, then renamed."""
    aside = f"{folder}/EFI/Linux/{_ASIDE}"
    keys = tokens(state.fact(_UKIFY) or "")
    argv = ("ukify", "build", f"--cmdline={_line(added)}", *keys, f"--output={aside}")
    expect = Expect("signed-uki" if keys else "uki", aside, tuple(added))
    return (
        Run(argv, timeout=120, expect=expect, touches=(aside,)),
        RenameFile(aside, f"{folder}/{NAME}"),
    )


def _remove(folder: str) -> tuple[Step, ...]:
    return (RemoveFile(f"{folder}/{NAME}", (f"{folder}/{FOLDER}",)),)


def _stays(image: BootEntry, wish: BootWish) -> tuple[BootProblem, ...]:
    words = absent_in(edit(image.args, spelled(wish.owned), ()), wish)
    if not words:
        return ()
    message = f"{join(words)} is built into {image.source}: an addon adds, it never removes"
    hint = "have the image built here: systemd-ukify, and layout=uki in /etc/kernel/install.conf"
    where = "boot.absent_kernel_args"
    return (BootProblem("bootloader-unsupported", message, hint, where=where),)


def _stub_version(reader: Reader, path: str) -> int:
    """From ``#### LoaderInfo: systemd-stub 257.13-1 ####`` in .sdmagic; 0 where that is not."""
    text = pe.text_section(partial(reader.read_range, path), ".sdmagic") or ""
    found = re.search(r"systemd-stub (\d+)", text)
    return int(found[1]) if found else 0
