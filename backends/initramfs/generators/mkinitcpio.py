"""mkinitcpio (Arch Linux): a drop-in of ours adds modules and files; presets say which images.

Sources: mkinitcpio(8), mkinitcpio.conf(5). The compressor writes into the image itself, so each
image whose preset is plain is made aside, looked into, and renamed; a unified kernel image is made
in place by its preset, since what signs it goes by its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from backends.formats.mkinitcpio_conf import array_words
from backends.formats.shell.assign import evaluate
from backends.initramfs.expect import expect_made_again, list_image, made_aside
from backends.initramfs.state import Contents, InitramfsState, OwnFile
from backends.reader import Reader
from backends.steps import Run, Step
from specs.record import Record

DROP_IN = "/etc/mkinitcpio.conf.d/reconcile.conf"
PROGRAM = "/usr/bin/mkinitcpio"
PRESETS = "/etc/mkinitcpio.d"


class Job(Record):
    """One image of one preset. ``plain``: its command is known without running a shell."""

    image: str
    kernel: str
    options: tuple[str, ...]
    plain: bool
    config: str = ""
    unified: bool = False


class Mkinitcpio:
    """The backend."""

    name = "mkinitcpio"
    own_paths = (DROP_IN,)

    def detect(self, reader: Reader) -> tuple[str, ...]:
        """The program, and a preset."""
        presets = _preset_files(reader) if reader.exists(PROGRAM) else []
        return (f"{PROGRAM} exists", f"{presets[0]} exists") if presets else ()

    def read(self, reader: Reader, evidence: tuple[str, ...]) -> InitramfsState:
        """The images that presets name and that exist."""
        jobs = [job for path in _preset_files(reader) for job in _jobs(reader, path)]
        jobs = [job for job in jobs if reader.exists(job.image)]
        recipes = [("mkinitcpio", "-k", j.kernel, *j.options, "-g") for j in jobs]
        return InitramfsState(
            self.name,
            evidence,
            tuple(job.image for job in jobs),
            _blocked(reader, jobs),
            recipes=tuple(recipes) if all(job.plain for job in jobs) else (),
        )

    def own_files(self, modules: Sequence[str], files: Sequence[str], header: str) -> list[OwnFile]:
        """Modules are loaded in order before udev is triggered, so ours stand first; files are
        named because only the modconf hook takes /etc/modprobe.d along."""
        if not modules:
            return []
        names = " ".join(m.replace("-", "_") for m in modules)
        text = f'{header}MODULES=({names} "${{MODULES[@]}}")\n'
        if files:
            text += f"FILES+=({' '.join(files)})\n"
        return [OwnFile(DROP_IN, text)]

    def regenerate(self, state: InitramfsState, contents: Contents) -> tuple[Step, ...]:
        """Each image aside where every preset is plain, else all in place."""
        if state.recipes:
            pairs = zip(state.images, state.recipes, strict=True)
            made = (made_aside("lsinitcpio", image, argv, contents) for image, argv in pairs)
            return tuple(step for steps in made for step in steps)
        expect = expect_made_again(state.images) if state.images else None
        looks = (list_image("lsinitcpio", image, contents) for image in state.images)
        run = Run(("mkinitcpio", "-P"), timeout=1800, expect=expect, regenerates=True)
        return (run, *looks)


BACKEND = Mkinitcpio()


def unified_images(reader: Reader) -> tuple[str, ...]:
    """The unified kernel images that presets make."""
    if not reader.exists(PROGRAM):
        return ()
    jobs = (job for path in _preset_files(reader) for job in _jobs(reader, path))
    return tuple(job.image for job in jobs if job.unified)


def _preset_files(reader: Reader) -> list[str]:
    return [f"{PRESETS}/{n}" for n in reader.list(PRESETS) if n.endswith(".preset")]


def _jobs(reader: Reader, path: str) -> Iterator[Job]:
    """What ``mkinitcpio -p`` would do for one preset file, which bash sources."""
    text = reader.read_text(path) or ""
    for preset in array_words([text], "PRESETS") or ():
        image, uki = _value(text, f"{preset}_image"), _value(text, f"{preset}_uki")
        kernel = _value(text, f"{preset}_kver") or _value(text, "ALL_kver")
        options = array_words([text], f"{preset}_options")
        config = _value(text, f"{preset}_config") or _value(text, "ALL_config")
        if uki or image:
            plain = not uki and bool(kernel) and options is not None
            yield Job(uki or image, kernel, options or (), plain, config, bool(uki))


def _value(text: str, name: str) -> str:
    """The variable's value; empty where it is unset or only bash could tell."""
    return evaluate([text], name, bash=True).text or ""


def _blocked(reader: Reader, jobs: Sequence[Job]) -> str:
    """mkinitcpio.conf(5): drop-ins are not read where a preset names its configuration."""
    named = next((job for job in jobs if job.config), None)
    if named is None:
        return ""
    return (
        f"a preset in {PRESETS} sets {named.config} as its configuration, so drop-ins are not read:"
        " take the ALL_config line out (that file is read anyway)"
    )
