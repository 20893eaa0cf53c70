"""systemd-boot: type 1 entries edited in place, unified kernel images built again.

The command line of kernels to come is /etc/kernel/cmdline (kernel-install(8)): without it a new
kernel would get the running line, so it is made when arguments of ours are to last. Sources:
systemd-boot(7), kernel-install(8), Boot Loader Specification.
"""

from __future__ import annotations

from collections.abc import Sequence

from backends import efi
from backends.bootloader import cmdline_d, grub_bls, uki_addon
from backends.bootloader.bls import type1, type2
from backends.bootloader.bls_edit import (
    CMDLINE,
    Dialect,
    configured_line,
    entry_file,
    line_for_new_kernels,
)
from backends.bootloader.detect import running_arguments
from backends.bootloader.grub_defaults import source_file
from backends.bootloader.room import lacks_room, room_facts
from backends.bootloader.shares import remembering, shares
from backends.bootloader.started import by
from backends.bootloader.state import (
    BootEdit,
    BootEntry,
    BootProblem,
    BootState,
    BootWish,
    Evidence,
    FileEdit,
    SourceFile,
    Strength,
)
from backends.bootloader.uki import builder_facts, rebuild, secure_boot, with_addon
from backends.bootloader.uki_addon import addon_facts
from backends.bootloader.wishes import beyond_editing, retired, spelled
from backends.formats.cmdline import CmdlineError, edit, has, matching
from backends.formats.loader_entry import LoaderEntryError
from backends.reader import Reader
from backends.steps import Step
from specs.record import replace

_PROGRAM = "EFI/systemd/systemd-bootx64.efi"
_DIALECT = Dialect(grub=False)


class SystemdBoot:
    """The backend."""

    name = "systemd-boot"

    def detect(self, reader: Reader) -> Evidence | None:
        """Its own word in LoaderInfo, or systemd-boot's files on a boot partition; or unified
        images that the firmware starts without any loader."""
        files = _files(reader)
        if files or (efi.loader_variable(reader, "LoaderInfo") or "").startswith(self.name):
            strength, said = by(reader, self.name)
            return Evidence(strength, (*said, *files))
        return _stub(reader)

    def read(self, reader: Reader, evidence: tuple[str, ...]) -> BootState:
        """/etc/kernel/cmdline and every entry on the boot partitions."""
        machine_id = (reader.read_text("/etc/machine-id") or "").strip()
        folders = efi.boot_folders(reader)
        found = [item for folder in folders for item in type1(reader, folder, machine_id)]
        images = [image for folder in folders for image in type2(reader, folder)]
        line = source_file(reader, CMDLINE)
        parts = cmdline_d.parts(reader)
        own = (source for source, entry in found if entry.kind == "normal")
        sources = (*(parts or (line,)), *own)
        configured, gap = configured_line(reader, line)
        if parts:
            configured, gap = cmdline_d.words(parts), ""
        state = BootState(
            loader=self.name,
            evidence=evidence,
            running=running_arguments(reader),
            entries=(*(entry for _, entry in found), *images),
            configured=configured,
            configured_gap=gap,
            sources=sources,
            problems=_nothing_to_edit([*(entry for _, entry in found), *images], folders),
            facts=(
                ("folders", " ".join(folders)),
                *builder_facts(reader, images),
                *addon_facts(reader, folders, images),
                *_room(reader, folders, images),
            ),
        )
        return _with_line_of_images(state)

    def edit(self, state: BootState, wish: BootWish) -> BootEdit:
        """Every normal entry, and the line for kernels to come."""
        shared = shares(wish, [_foreign(state, wish)])
        added, already = shared.added, shared.already
        unreached = cmdline_d.out_of_reach(_parts(state)) if added else ()
        problems = (*shared.problems, *unreached)
        places = {entry.source: entry.args for entry in state.normal()}
        wish, left = remembering(places, wish, added)
        try:
            files = _edits(state, wish, added)
        except (LoaderEntryError, CmdlineError) as e:
            return BootEdit(problems=(*problems, beyond_editing(e, CMDLINE)))
        steps, behind, wrong = _image_steps(state, wish, added, changed=bool(files))
        if not (files or steps or wrong):
            return BootEdit((), (), added, already, "", problems, left)
        problems = (*problems, *wrong, *lacks_room(state))
        return BootEdit(files, steps, added, already, behind, problems, left)


BACKEND = SystemdBoot()


def _files(reader: Reader) -> tuple[str, ...]:
    """What it is told by, on the ESP; what it starts may lie on the extended boot partition, unless
    a grub.cfg reads that."""
    folders = efi.boot_folders(reader)
    full = [f for f in folders if reader.list(f"{f}/loader/entries") or _images(reader, f)]
    for folder in folders:
        ours = [f for f in (_PROGRAM, "loader/loader.conf") if reader.exists(f"{folder}/{f}")]
        if ours and (folder in full or (full and not grub_bls.evidence(reader))):
            return tuple(f"{folder}/{f} exists" for f in ours)
    return ()


def _stub(reader: Reader) -> Evidence | None:
    """systemd-stub(7) leaves its name; without a loader's beside it the firmware started it."""
    info = efi.loader_variable(reader, "StubInfo")
    images = next((f for f in efi.boot_folders(reader) if _images(reader, f)), None)
    if not (info and images) or efi.loader_variable(reader, "LoaderInfo"):
        return None
    sentences = (f"StubInfo says {info}", f"{images}/EFI/Linux has unified kernel images")
    return Evidence(Strength.STARTED, sentences)


def _images(reader: Reader, folder: str) -> bool:
    return any(n.lower().endswith(".efi") for n in reader.list(f"{folder}/EFI/Linux"))


def _room(
    reader: Reader, folders: Sequence[str], images: Sequence[BootEntry]
) -> tuple[tuple[str, str], ...]:
    """An image is built beside the one that it takes the place of."""
    found: tuple[tuple[str, str], ...] = ()
    for folder in folders:
        here = [reader.stat(i.source) for i in images if i.source.startswith(f"{folder}/EFI/")]
        found += room_facts(reader, folder, max((s.size for s in here if s), default=0))
    return found


def _with_line_of_images(state: BootState) -> BootState:
    """Where all that boots are images that come with their line, that is what one to come gets,
    and an addon adds to it: /etc/kernel/cmdline decides nothing."""
    normal = state.normal()
    if not normal or len(with_addon(state, normal)) < len(normal):
        return state
    return replace(state, configured=normal[0].args, configured_gap="", sources=())


def _nothing_to_edit(
    entries: Sequence[BootEntry], folders: Sequence[str]
) -> tuple[BootProblem, ...]:
    """What cannot be seen cannot be managed: the line for kernels to come is not what boots."""
    if any(e.kind == "normal" for e in entries):
        return ()
    where = ", ".join(folders) or " or ".join(efi.ESP_FOLDERS)
    message = f"no entry and no image that boots this system was found on {where}"
    hint = "mount the EFI system partition (bootctl status tells it); kernel-install makes entries"
    return (BootProblem("bootloader-unsupported", message, hint, where=where),)


def _parts(state: BootState) -> tuple[SourceFile, ...]:
    return tuple(s for s in state.sources if s.path.startswith(cmdline_d.FOLDER))


def _foreign(state: BootState, wish: BootWish) -> tuple[str, ...]:
    """The arguments of a normal entry that are not ours."""
    normal = state.normal()
    words = state.configured if state.configured is not None else ()
    if not words and normal:
        words = normal[0].args
    return edit(words, remove=spelled(wish.owned), add=())


def _edits(state: BootState, wish: BootWish, added: Sequence[str]) -> tuple[FileEdit, ...]:
    found = []
    for source in state.sources:
        if source.path == CMDLINE:
            change = line_for_new_kernels(state, source, wish, added, _DIALECT)
        elif source.path.startswith(cmdline_d.FOLDER):
            change = cmdline_d.edit_part(source, wish, added)
        else:
            change = entry_file(source, wish, _DIALECT, wish.args)
        found += [change] if change else []
    return tuple(found)


def _image_steps(
    state: BootState, wish: BootWish, added: Sequence[str], *, changed: bool
) -> tuple[tuple[Step, ...], str, tuple[BootProblem, ...]]:
    """What unified images need: the steps, why (where no file changes), and what is in the way."""
    images = [e for e in state.normal() if e.source.endswith(".efi")]
    extended = with_addon(state, images)
    steps, wrong = uki_addon.steps(state, extended, wish, added)
    built = [i for i in images if i not in extended]
    behind = [i for i in built if _behind(i, wish)]
    if built and (changed or behind):
        again, unknown = rebuild(state, built, wish)
        steps, wrong = (*steps, *again), (*wrong, *unknown)
    wrong = (*wrong, *secure_boot(state, images)) if steps else wrong
    if changed or not steps:
        return steps, "", wrong
    why = f"{behind[0].source} was built with other arguments" if behind else "its addon is not so"
    return steps, why, wrong


def _behind(entry: BootEntry, wish: BootWish) -> bool:
    missing = [a for a in wish.args if not has(entry.args, a)]
    gone = [*spelled(retired(wish)), *wish.absent]
    return bool(missing) or any(matching(entry.args, pattern) for pattern in gone)
