"""TuneD, which may own the same kernel arguments and affinities (tuned(8), tuned.conf(5))."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from backends.formats.systemd_conf import environment
from backends.reader import Reader
from specs.record import Record

# An administrator's profile hides the distribution's; 2.23 moved both into profiles/.
_FOLDERS = ("/etc/tuned/profiles", "/etc/tuned", "/usr/lib/tuned/profiles", "/usr/lib/tuned")
_PLUGINS = frozenset({"bootloader", "scheduler", "irqbalance", "irq", "systemd", "sysctl", "sysfs"})
_DEEPEST = 20  # profiles that include each other; TuneD itself refuses a circle


class Setting(Record):
    """One line of a profile: which plugin it is for, its name, and its value with the variables
    filled in that are known."""

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
    texts = list(_chain(reader, profile.split(), set()))
    return TunedState(
        profile=profile,
        cmdline=variables.get("TUNED_BOOT_CMDLINE", "").strip(),
        known=bool(texts),
        settings=tuple(_settings(reader, texts)) if texts else (),
    )


def _chain(reader: Reader, names: Iterable[str], seen: set[str]) -> Iterator[str]:
    """The profiles of these names, each once, and before it what it includes."""
    for name in (n.lstrip("-") for n in names):  # "-name": may be missing
        if not name or "/" in name or name in seen or len(seen) >= _DEEPEST:
            continue
        seen.add(name)
        texts = (reader.read_text(f"{folder}/{name}/tuned.conf") for folder in _FOLDERS)
        text = next((t for t in texts if t is not None), None)
        if text is not None:
            yield from _chain(reader, _included(text), seen)
            yield text


def _included(text: str) -> list[str]:
    from backends.formats.tuned_conf import parse_profile

    found = parse_profile(text).get("main", {}).get("include", "")
    return re.split(r"[\s,;]+", found)


def _settings(reader: Reader, texts: Iterable[str]) -> Iterator[Setting]:
    """What the profiles set together, by plugin: that of the section's ``type=``, else its name."""
    from backends.formats.tuned_conf import defined, expand, merged, parse_profile

    whole = merged(parse_profile(text) for text in texts)
    own = whole.get("variables", {})
    file = own.get("include", "")
    texts_of = {file: reader.read_text(file)} if file.startswith("/etc/tuned/") else {}
    variables = defined(own, texts_of)
    for section, options in whole.items():
        plugin = options.get("type", section)
        if plugin in _PLUGINS:
            settings = ((name, value) for name, value in options.items() if name != "type")
            yield from (Setting(plugin, n, expand(value, variables)) for n, value in settings)
