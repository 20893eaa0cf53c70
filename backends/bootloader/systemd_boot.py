"""systemd-boot: type 1 entries edited in place, unified kernel images built again.

The command line of kernels to come is /etc/kernel/cmdline (kernel-install(8)): without it a new
kernel would get the running line, so it is made when arguments of ours are to last. Sources:
systemd-boot(7), kernel-install(8), Boot Loader Specification.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from backends import efi
from backends.bootloader.bls import type1, type2
from backends.bootloader.detect import running_arguments
from backends.bootloader.in_place import edit_file
from backends.bootloader.state import (
    BootEdit,
    BootEntry,
    BootProblem,
    BootState,
    BootWish,
    FileEdit,
    SourceFile,
)
from backends.bootloader.uki import rebuild
from backends.formats.cmdline import (
    CmdlineError,
    edit,
    hugepage_words,
    join,
    matching,
    same,
    tokens,
)
from backends.formats.kernel_arg import kernel_form
from backends.formats.kernel_cmdline_file import ReadBy, edit_cmdline_file, read_cmdline_file
from backends.formats.loader_entry import LoaderEntryError, edit_options
from backends.reader import Reader
from specs.errors import ReconcileError

CMDLINE = "/etc/kernel/cmdline"
_VENDOR = "/usr/lib/kernel/cmdline"
_PROGRAM = "EFI/systemd/systemd-bootx64.efi"
# What a loader or kernel-install adds by itself: not for /etc/kernel/cmdline.
_GENERATED = ("initrd=", "BOOT_IMAGE=", "systemd.machine_id=")


class SystemdBoot:
    """The backend."""

    name = "systemd-boot"

    def detect(self, reader: Reader) -> tuple[str, ...]:
        """The running system's word, else systemd-boot's own files on a boot partition."""
        info = efi.loader_variable(reader, "LoaderInfo")
        if info is not None and not info.startswith("systemd-boot"):
            return ()
        said = (f"LoaderInfo says {info}",) if info else ()
        for folder in efi.boot_folders(reader):
            ours = [f for f in (_PROGRAM, "loader/loader.conf") if reader.exists(f"{folder}/{f}")]
            if ours and (reader.list(f"{folder}/loader/entries") or _images(reader, folder)):
                return (*said, *(f"{folder}/{f} exists" for f in ours))
        return said

    def read(self, reader: Reader, evidence: tuple[str, ...]) -> BootState:
        """/etc/kernel/cmdline and every entry on the boot partitions."""
        machine_id = (reader.read_text("/etc/machine-id") or "").strip()
        folders = efi.boot_folders(reader)
        found = [item for folder in folders for item in type1(reader, folder, machine_id)]
        images = [image for folder in folders for image in type2(reader, folder)]
        line = _cmdline(reader)
        sources = (line, *(source for source, entry in found if entry.kind == "normal"))
        configured, gap = _configured(reader, line)
        return BootState(
            loader=self.name,
            evidence=evidence,
            running=running_arguments(reader),
            entries=(*(entry for _, entry in found), *images),
            configured=configured,
            configured_gap=gap,
            sources=sources,
            problems=tuple(_problems(reader, images)),
            facts=_facts(reader, folders),
        )

    def edit(self, state: BootState, wish: BootWish) -> BootEdit:
        """Every normal entry, and the line for kernels to come."""
        base = _foreign(state, wish)
        problems = _conflict(wish, base)
        already = tuple(a for a in wish.args if any(same(a, b) for b in base))
        added = tuple(a for a in wish.args if a not in already)
        wish = replace(wish, kept=_kept(state, wish, added))
        kept = _still(wish.kept, added)
        try:
            files = _edits(state, wish, added)
        except (LoaderEntryError, CmdlineError) as e:
            return BootEdit(problems=(*problems, _beyond_editing(e)))
        behind = [e for e in state.normal() if e.source.endswith(".efi") and _behind(e, wish)]
        if files or behind:
            images = [e for e in state.normal() if e.source.endswith(".efi")]
            steps, wrong = rebuild(state, images, wish)
            why = "" if files else f"{behind[0].source} was built with other arguments"
            return BootEdit(files, steps, added, already, why, (*problems, *wrong), kept)
        return BootEdit((), (), added, already, "", tuple(problems), kept)


BACKEND = SystemdBoot()


def _images(reader: Reader, folder: str) -> bool:
    return any(n.lower().endswith(".efi") for n in reader.list(f"{folder}/EFI/Linux"))


def _cmdline(reader: Reader) -> SourceFile:
    content, stat = reader.read_bytes(CMDLINE), reader.stat(CMDLINE)
    return SourceFile(CMDLINE, content, stat.mode if stat else 0o644)


def _configured(reader: Reader, line: SourceFile) -> tuple[tuple[str, ...] | None, str]:
    if line.content is not None:
        return read_cmdline_file(line.text, ReadBy.UNCOMMENTED), ""
    vendor = reader.read_text(_VENDOR)
    if vendor is not None:
        return read_cmdline_file(vendor, ReadBy.UNCOMMENTED), ""
    return None, f"{CMDLINE} does not exist: a new kernel would get the running command line"


def _facts(reader: Reader, folders: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """What rebuilding images needs to know."""
    kernels = [k for k in reader.list("/lib/modules") if reader.exists(f"/boot/vmlinuz-{k}")]
    return (
        ("folders", " ".join(folders)),
        ("kernels", " ".join(kernels)),
        ("mkinitcpio", "yes" if reader.exists("/usr/bin/mkinitcpio") else "no"),
        ("kernel-install", "yes" if reader.exists("/usr/bin/kernel-install") else "no"),
    )


def _problems(reader: Reader, images: Sequence[BootEntry]) -> list[BootProblem]:
    if not (images and efi.secure_boot(reader)):
        return []
    return [
        BootProblem(
            "secure-boot-uki",
            "Secure Boot is on: a unified kernel image that is built again must be signed",
            "set SecureBootPrivateKey= and SecureBootCertificate= in /etc/kernel/uki.conf",
            where=images[0].source,
            refuse=False,
        )
    ]


def _foreign(state: BootState, wish: BootWish) -> tuple[str, ...]:
    """The arguments of a normal entry that are not ours."""
    normal = state.normal()
    words = state.configured if state.configured is not None else ()
    if not words and normal:
        words = normal[0].args
    return edit(words, remove=_spelled(wish.owned), add=())


def _spelled(args: Sequence[str]) -> list[str]:
    return list(dict.fromkeys([*args, *(kernel_form(a) for a in args)]))


def _conflict(wish: BootWish, base: Sequence[str]) -> tuple[BootProblem, ...]:
    gone = {w for pattern in wish.absent for w in matching(base, pattern)}
    theirs = hugepage_words([w for w in base if w not in gone])
    ours = hugepage_words(wish.args)
    if not ours or not theirs or theirs == ours:
        return ()
    message = f"hugepages are configured by others already: {join(theirs)}"
    hint = "take them out there, or list them in boot.absent_kernel_args"
    return (BootProblem("kernel-arg-conflict", message, hint, "hugepages"),)


def _beyond_editing(error: ReconcileError) -> BootProblem:
    return BootProblem("bootloader-unsupported", error.message, error.hint, error.where or CMDLINE)


def _edits(state: BootState, wish: BootWish, added: Sequence[str]) -> tuple[FileEdit, ...]:
    found = []
    for source in state.sources:
        if source.path == CMDLINE:
            change = _line_for_new_kernels(state, source, wish, added)
        else:
            change = _entry_file(source, wish)
        found += [change] if change else []
    return tuple(found)


def _kept(state: BootState, wish: BootWish, added: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Arguments that become ours now and that an entry already has: from whom it will keep them."""
    new = [a for a in added if not any(same(a, o) for o in wish.owned)]
    found = {}
    for entry in state.normal():
        here = [a for a in new if any(same(a, t) for t in entry.args)]
        if here or entry.source in wish.kept:
            found[entry.source] = tuple(dict.fromkeys([*wish.kept.get(entry.source, ()), *here]))
    return found


def _still(kept: Mapping[str, tuple[str, ...]], added: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """What has to be remembered for a later undo: only of arguments that are ours from now on."""
    left = {path: tuple(a for a in args if a in added) for path, args in kept.items()}
    return {path: args for path, args in left.items() if args}


def _entry_file(source: SourceFile, wish: BootWish) -> FileEdit | None:
    """An entry. kernel-install may have made it with our arguments: those go like our own."""
    kept = wish.kept.get(source.path, ())
    ours = [a for a in wish.owned if a not in kept]
    retired = [w for w in _retired(wish) if w not in _spelled(kept)]

    def apply(text: str) -> str:
        words = tokens(" ".join(_options(text)))
        absent = [w for pattern in wish.absent for w in matching(words, pattern)]
        return edit_options(text, [*absent, *retired], [kernel_form(a) for a in wish.args])

    return edit_file(
        source,
        wish.owned_files.get(source.path),
        strip=lambda text: edit_options(text, _spelled(ours), ()),
        apply=apply,
    )


def _options(text: str) -> tuple[str, ...]:
    from backends.formats.loader_entry import options

    return options(text) or ()


def _retired(wish: BootWish) -> list[str]:
    return _spelled([a for a in wish.owned if not any(same(a, b) for b in wish.args)])


def _line_for_new_kernels(
    state: BootState, source: SourceFile, wish: BootWish, added: Sequence[str]
) -> FileEdit | None:
    owned = wish.owned_files.get(CMDLINE)
    made_by_us = owned is not None and owned.before is None
    if source.content is None or made_by_us:
        return _made(state, source, wish, added) if added or made_by_us else None

    def apply(text: str) -> str:
        words = read_cmdline_file(text, ReadBy.UNCOMMENTED)
        absent = [w for pattern in wish.absent for w in matching(words, pattern)]
        new = [kernel_form(a) for a in added]
        return edit_cmdline_file(text, absent, new, ReadBy.UNCOMMENTED)

    def strip(text: str) -> str:
        return edit_cmdline_file(text, _spelled(wish.owned), (), ReadBy.UNCOMMENTED)

    return edit_file(source, owned, strip, apply)


def _made(
    state: BootState, source: SourceFile, wish: BootWish, added: Sequence[str]
) -> FileEdit | None:
    """A line of our own making: what the first normal entry has, and ours."""
    normal = state.normal()
    after = None
    if added and normal:
        words = [w for w in normal[0].args if not w.startswith(_GENERATED)]
        absent = [w for pattern in wish.absent for w in matching(words, pattern)]
        new = [kernel_form(a) for a in added]
        after = (join(edit(words, [*absent, *_retired(wish)], new)) + "\n").encode(
            "utf-8", "surrogateescape"
        )
    if after == source.content:
        return None
    return FileEdit(CMDLINE, source.content, None, after, source.mode)


def _behind(entry: BootEntry, wish: BootWish) -> bool:
    missing = [a for a in wish.args if not any(same(a, t) for t in entry.args)]
    gone = [*_retired(wish), *wish.absent]
    return bool(missing) or any(matching(entry.args, pattern) for pattern in gone)
