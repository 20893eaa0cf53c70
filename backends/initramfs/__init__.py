"""initramfs generators: what to put beside their configuration, and how they are run.

A module in ``generators`` offers one as ``BACKEND``; ``observe_initramfs`` tells which one makes
the images of this host.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from backends import efi, plugins
from backends.bootloader.room import shortage
from backends.initramfs.state import Contents, InitramfsState, OwnFile
from backends.reader import Reader
from backends.steps import Step
from specs.record import replace

_GENERATORS = f"{__name__}.generators"
UNKNOWN = "unknown"
_CHOICE = ("/etc/kernel/install.conf", "/usr/lib/kernel/install.conf")  # kernel-install(8)
# An image may carry the time of a clock that counts in 2 s (vfat).
_CLOCK_NS = 2_000_000_000


class Generator(Protocol):
    """One initramfs generator."""

    name: str
    own_paths: tuple[str, ...]

    def detect(self, reader: Reader) -> tuple[str, ...]:
        """Evidence that this generator makes the images of this host; empty: it does not."""

    def read(self, reader: Reader, evidence: tuple[str, ...]) -> InitramfsState:
        """The images, and whether they can be made again."""

    def own_files(self, modules: Sequence[str], files: Sequence[str], header: str) -> list[OwnFile]:
        """Files of ours from which modules (loaded early) and files get into every image."""

    def regenerate(self, state: InitramfsState, contents: Contents) -> tuple[Step, ...]:
        """The steps that make every image again and look into each."""


def generator(name: str) -> Generator:
    """The generator of that name. Raises KeyError."""
    found: Generator = plugins.backend(_GENERATORS, name)
    return found


def names() -> tuple[str, ...]:
    """Every generator that there is a backend for."""
    return plugins.names(_GENERATORS)


def own_paths() -> tuple[str, ...]:
    """Every file that some generator may need from us."""
    return tuple(path for name in names() for path in generator(name).own_paths)


def observe_initramfs(reader: Reader, inputs: Iterable[str] = ()) -> InitramfsState:
    """The generator in use and its images; ``inputs`` are files of ours that act from within."""
    found = {name: evidence for name in names() if (evidence := generator(name).detect(reader))}
    name = _chosen(reader, found)
    if name is None:
        return InitramfsState(UNKNOWN, _evidence(found), blocked=_unclear(reader, found))
    state = generator(name).read(reader, found[name])
    behind = _behind(reader, state.images, inputs)
    return replace(state, behind=behind, lacks_room=_lacks_room(reader, state))


def _chosen(reader: Reader, found: Mapping[str, tuple[str, ...]]) -> str | None:
    """The one that was found; of several, the one that kernel-install is told to use."""
    if len(found) < 2:
        return next(iter(found), None)
    lines = [line for path in _CHOICE for line in (reader.read_text(path) or "").splitlines()]
    words = [line.partition("=")[2].strip() for line in lines if line.startswith("initrd_gen")]
    return next((word for word in words if word in found), None)


def _evidence(found: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(line for lines in found.values() for line in lines)


def _unclear(reader: Reader, found: Mapping[str, tuple[str, ...]]) -> str:
    """Why no generator could be chosen; empty where there is none at all."""
    if found:
        line = f"initrd_generator={next(iter(found))}"
        return f"{' and '.join(found)} are both in use: name one in {_CHOICE[0]} ({line})"
    if reader.exists("/usr/bin/booster"):
        return (
            "booster makes the images: add modules_force_load: vfio-pci to /etc/booster.yaml and "
            "run /usr/lib/booster/regenerate_images by hand"
        )
    return ""


def _behind(reader: Reader, images: Sequence[str], inputs: Iterable[str]) -> tuple[str, ...]:
    """Images that were made before a file of ours got what it holds now."""
    times = [stat.mtime_ns for path in inputs if (stat := reader.stat(path))]
    if not times:
        return ()
    made = {image: reader.stat(image) for image in images}
    newest = max(times) - _CLOCK_NS
    return tuple(image for image, stat in made.items() if stat and stat.mtime_ns < newest)


def _lacks_room(reader: Reader, state: InitramfsState) -> str:
    """An image is made beside the old one; kernel-install then copies it to where entries are."""
    stats = [s for image in state.images if (s := reader.stat(image))]
    largest = max((s.size for s in stats), default=0)
    folders = {image.rpartition("/")[0] for image in state.images}
    folders |= {f for f in efi.boot_folders(reader) if reader.list(f"{f}/loader/entries")}
    found = (shortage(reader, folder, largest) for folder in sorted(folders))
    return next((text for text in found if text), "")
