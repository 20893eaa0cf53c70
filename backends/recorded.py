"""A record of all that was read, which is a capture, and a Reader that answers from one."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from backends.reader import CaptureError, Done, FileStat, Reader


class RecordingReader:
    """Passes every call on and remembers its answer: the record is a capture."""

    def __init__(self, inner: Reader) -> None:
        self.inner = inner
        self.nodes: dict[str, dict[str, Any]] = {}
        self.programs: list[dict[str, Any]] = []

    def _note(self, path: str, key: str, value: Any) -> None:
        self.nodes.setdefault(path, {})[key] = value

    def read_bytes(self, path: str, *, optional: bool = False) -> bytes | None:
        """See Reader."""
        data = self.inner.read_bytes(path, optional=optional)
        self._note(path, *_encode(data))
        return data

    def read_text(self, path: str, *, optional: bool = False) -> str | None:
        """See Reader."""
        data = self.read_bytes(path, optional=optional)
        return None if data is None else data.decode("utf-8", "surrogateescape")

    def list(self, path: str) -> tuple[str, ...]:
        """See Reader."""
        names = self.inner.list(path)
        self._note(path, "list", list(names))
        return names

    def list_here(self, path: str) -> tuple[str, ...]:
        """See Reader."""
        names = self.inner.list_here(path)
        self._note(path, "list here", list(names))
        return names

    def readlink(self, path: str) -> str | None:
        """See Reader."""
        text = self.inner.readlink(path)
        self._note(path, "link", text)
        return text

    def realpath(self, path: str) -> str:
        """See Reader."""
        text = self.inner.realpath(path)
        self._note(path, "realpath", text)
        return text

    def exists(self, path: str) -> bool:
        """See Reader."""
        there = self.inner.exists(path)
        self._note(path, "exists", there)
        return there

    def stat(self, path: str) -> FileStat | None:
        """See Reader."""
        found = self.inner.stat(path)
        self._note(
            path,
            "stat",
            None
            if found is None
            else {name: getattr(found, name) for name in FileStat.__struct_fields__},
        )
        return found

    def read_range(self, path: str, offset: int, size: int) -> bytes | None:
        """See Reader."""
        data = self.inner.read_range(path, offset, size)
        text = None if data is None else base64.b64encode(data).decode()
        self._note(path, f"range {offset} {size}", text)
        return data

    def free_bytes(self, path: str) -> int | None:
        """See Reader."""
        room = self.inner.free_bytes(path)
        self._note(path, "free", room)
        return room

    def output(self, argv: Sequence[str], *, timeout: float = 30.0) -> Done | None:
        """See Reader."""
        done = self.inner.output(argv, timeout=timeout)
        result = None if done is None else {"rc": done.rc, "out": done.out, "err": done.err}
        self.programs.append({"argv": list(argv), "result": result})
        return done


def _encode(data: bytes | None) -> tuple[str, str | None]:
    if data is None:
        return "text", None
    try:
        return "text", data.decode()
    except UnicodeDecodeError:
        return "base64", base64.b64encode(data).decode()


class CaptureReader:
    """Answers from a capture. What was never recorded is an error, not "absent": a safety check
    must not mistake a gap in the record for a free device."""

    def __init__(
        self, nodes: Mapping[str, Mapping[str, Any]], programs: Sequence[Mapping[str, Any]]
    ) -> None:
        self._nodes = nodes
        self._programs = {tuple(p["argv"]): p["result"] for p in programs}

    def _get(self, path: str, *keys: str) -> tuple[str, Any]:
        node = self._nodes.get(path, {})
        for key in keys:
            if key in node:
                return key, node[key]
        raise CaptureError(
            "the capture does not hold this",
            where=path,
            hint="take a new capture on the host with this version: reconcile --capture FILE",
        )

    def read_bytes(self, path: str, *, optional: bool = False) -> bytes | None:
        """See Reader."""
        key, value = self._get(path, "text", "base64")
        if value is None:
            return None
        if key == "base64":
            return base64.b64decode(value)
        return str(value).encode("utf-8", "surrogateescape")

    def read_text(self, path: str, *, optional: bool = False) -> str | None:
        """See Reader."""
        data = self.read_bytes(path, optional=optional)
        return None if data is None else data.decode("utf-8", "surrogateescape")

    def list(self, path: str) -> tuple[str, ...]:
        """See Reader."""
        return tuple(self._get(path, "list")[1])

    def list_here(self, path: str) -> tuple[str, ...]:
        """See Reader."""
        return tuple(self._get(path, "list here")[1])

    def readlink(self, path: str) -> str | None:
        """See Reader."""
        value = self._get(path, "link")[1]
        return None if value is None else str(value)

    def realpath(self, path: str) -> str:
        """See Reader."""
        return str(self._get(path, "realpath")[1])

    def exists(self, path: str) -> bool:
        """See Reader."""
        return bool(self._get(path, "exists")[1])

    def stat(self, path: str) -> FileStat | None:
        """See Reader."""
        value = self._get(path, "stat")[1]
        return None if value is None else FileStat(**value)

    def read_range(self, path: str, offset: int, size: int) -> bytes | None:
        """See Reader."""
        value = self._get(path, f"range {offset} {size}")[1]
        return None if value is None else base64.b64decode(value)

    def free_bytes(self, path: str) -> int | None:
        """See Reader."""
        value = self._get(path, "free")[1]
        return None if value is None else int(value)

    def output(self, argv: Sequence[str], *, timeout: float = 30.0) -> Done | None:
        """See Reader. A program that was not run for the capture counts as absent."""
        result = self._programs.get(tuple(argv))
        if result is None:
            return None
        return Done(tuple(argv), int(result["rc"]), str(result["out"]), str(result["err"]))
