"""TuneD, which may own the same kernel arguments and affinities (tuned(8), tuned.conf(5))."""

from __future__ import annotations

from collections.abc import Iterator

from backends.formats.systemd_conf import assignments, environment
from backends.reader import Reader
from specs.record import Record

# An administrator's profile hides the distribution's; 2.23 moved both into profiles/.
_FOLDERS = ("/etc/tuned/profiles", "/etc/tuned", "/usr/lib/tuned/profiles", "/usr/lib/tuned")
_PLUGINS = frozenset({"bootloader", "scheduler", "irqbalance", "irq", "systemd", "sysctl", "sysfs"})
_DEEPEST = 20  # profiles that include each other; TuneD itself refuses a circle


class Setting(Record):
    """One line of a profile: which plugin it is for, its name and its value as written, with
    variables not filled in."""

    plugin: str
    name: str
    value: str


class TunedState(Record):
    """``profile`` is the active one ("" for none), ``known`` whether its file is there and
    ``settings`` what it and the profiles that it includes set for plugins that place work.
    ``cmdline`` are the kernel arguments that TuneD has put on every boot entry, "" for none."""

    profile: str
    cmdline: str
    known: bool = False
    settings: tuple[Setting, ...] = ()


def observe_tuned(reader: Reader) -> TunedState:
    """Read /etc/tuned: the profile that the daemon starts with, and what it does to the boot."""
    variables = environment(reader.read_text("/etc/tuned/bootcmdline") or "")
    profile = (reader.read_text("/etc/tuned/active_profile") or "").strip()
    texts = list(_chain(reader, profile.split()))
    return TunedState(
        profile=profile,
        cmdline=variables.get("TUNED_BOOT_CMDLINE", "").strip(),
        known=bool(texts),
        settings=tuple(setting for text in texts for setting in _settings(text)),
    )


def _chain(reader: Reader, names: list[str]) -> Iterator[str]:
    """The profiles of these names and all that they include, each once."""
    seen: set[str] = set()
    while names and len(seen) < _DEEPEST:
        name = names.pop(0).lstrip("-")  # "-name": may be missing
        if not name or "/" in name or name in seen:
            continue
        seen.add(name)
        texts = (reader.read_text(f"{folder}/{name}/tuned.conf") for folder in _FOLDERS)
        text = next((t for t in texts if t is not None), None)
        if text is not None:
            yield text
            names += _included(text)


def _included(text: str) -> list[str]:
    found = [v for section, key, v in assignments(text) if (section, key) == ("main", "include")]
    return [name for value in found for name in value.replace(",", " ").split()]


def _settings(text: str) -> Iterator[Setting]:
    """Lines by plugin: that of the section's ``type=``, else its name."""
    lines = list(assignments(text))
    kinds = {section: value for section, key, value in lines if key == "type"}
    for section, key, value in lines:
        plugin = kinds.get(section, section)
        if plugin in _PLUGINS and key != "type":
            yield Setting(plugin, key, value)
