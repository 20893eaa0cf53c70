"""Captures: the record of what a plan reads, in one file; planning from it gives the same plan."""

from __future__ import annotations

import json
from typing import Any

from backends.pci.ids import PLACES, NameTable
from backends.reader import CaptureError
from backends.recorded import CaptureReader, RecordingReader
from reconciler import __version__
from reconciler.observe import observe
from reconciler.resources import own_paths
from reconciler.tree import CapturedTree, Tree, mounted
from specs.errors import UsageError
from specs.record import Record

FORMAT = "reconcile-capture"
FORMAT_VERSION = 1
_MAX_BYTES = 256 << 20


class Capture(Record):
    """A capture as it is read: its libvirt connection, and the ``tree`` that it is of, if it is."""

    reader: CaptureReader
    libvirt_uri: str
    tree: CapturedTree | None


def take(
    recorder: RecordingReader,
    libvirt_uri: str,
    ssh_connection: str | None = None,
    tree: Tree | None = None,
) -> bytes:
    """The file's content, with all that a plan of any spec may ask for; ``tree`` where it is of
    one, in which no kernel answers.

    Raises NeedsRoot where something that must be known cannot be read.
    """
    state = observe(
        recorder,
        own_paths(),
        libvirt_uri=libvirt_uri,
        ssh_connection=ssh_connection,
        device_serials=True,
        trial=True,
    )
    _shorten_names(recorder, state.names)
    _record_health(recorder)
    return _to_bytes(recorder, libvirt_uri, tree)


def _to_bytes(recorder: RecordingReader, libvirt_uri: str, tree: Tree | None) -> bytes:
    """Equal records give equal bytes."""
    data = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "tool_version": __version__,
        "libvirt_uri": libvirt_uri,
        "nodes": recorder.nodes,
        "programs": recorder.programs,
        **({} if tree is None else {"tree": {"mounted": mounted(tree)}}),
    }
    return (json.dumps(data, indent=0, sort_keys=True) + "\n").encode()


def _shorten_names(recorder: RecordingReader, names: NameTable) -> None:
    """Of the database of PCI names, which is megabytes, only what this host has is kept."""
    for place in PLACES:
        node = recorder.nodes.get(place, {})
        if node.get("text"):
            node["text"] = names.to_text()
        elif node.get("base64"):
            del node["base64"]
            node["text"] = names.to_text()


def _record_health(recorder: RecordingReader) -> None:
    """What --inspect shows beside what plans read: daemons, and the accounts that VMs need, with
    nothing personal in them. No logs: they hold the command lines of VMs."""
    from backends.accounts import passwd_text
    from backends.libvirt.health import GROUPS, observe_health

    accounts = observe_health(recorder, "none", ()).accounts
    node = recorder.nodes.get("/etc/passwd", {})
    if accounts is not None and node.get("text"):
        node["text"] = passwd_text(accounts, GROUPS)


def load(path: str) -> Capture:
    """A capture from its file.

    Raises CaptureError with what is wrong with the file.
    """
    data = _parse(path)
    try:
        if data["format"] != FORMAT or data["format_version"] != FORMAT_VERSION:
            raise ValueError(f"format {data['format']!r} {data['format_version']!r}")
        reader = CaptureReader(dict(data["nodes"]), list(data["programs"]))
        tree = CapturedTree(tuple(data["tree"]["mounted"])) if "tree" in data else None
        return Capture(reader, str(data["libvirt_uri"]), tree)
    except (KeyError, TypeError, ValueError) as e:
        why = f"it has no {e}" if isinstance(e, KeyError) else str(e)
        raise CaptureError(
            f"this is not a capture that this version reads: {why}",
            where=path,
            hint="take a new one: reconcile --capture FILE",
        ) from e


def _parse(path: str) -> Any:
    from backends.files import read_regular

    try:
        return json.loads(read_regular(path, _MAX_BYTES))
    except OSError as e:
        raise UsageError(f"cannot read the capture: {e.strerror}", where=path) from e
    except (ValueError, RecursionError) as e:
        hint = "captures are made by reconcile --capture FILE; a spec goes without --state"
        raise CaptureError("this is no capture: it is not JSON", where=path, hint=hint) from e
