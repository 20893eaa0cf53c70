"""One look at a host: each file is read once, whoever asks for it how often."""

from __future__ import annotations

from collections.abc import Sequence

from backends.reader import Done, FileStat, Reader


class SnapshotReader:
    """Answers from what was read before, where it was.

    Two readers of one file must not see two states of it: what they say would contradict. And sysfs
    attributes can be slow, as some ask the hardware.
    """

    def __init__(self, inner: Reader) -> None:
        self._inner = inner
        self._contents: dict[tuple[str, bool], bytes | None] = {}
        self._names: dict[str, tuple[str, ...]] = {}

    def read_bytes(self, path: str, *, optional: bool = False) -> bytes | None:
        """See Reader."""
        for key in ((path, False), (path, optional)):
            if key in self._contents:
                return self._contents[key]
        data = self._inner.read_bytes(path, optional=optional)
        # Nothing, where that was allowed, may be an error for who asks without.
        self._contents[path, optional and data is None] = data
        return data

    def read_text(self, path: str, *, optional: bool = False) -> str | None:
        """See Reader."""
        data = self.read_bytes(path, optional=optional)
        return None if data is None else data.decode("utf-8", "surrogateescape")

    def list(self, path: str) -> tuple[str, ...]:
        """See Reader."""
        if path not in self._names:
            self._names[path] = self._inner.list(path)
        return self._names[path]

    def list_here(self, path: str) -> tuple[str, ...]:
        """See Reader."""
        return self._inner.list_here(path)

    def readlink(self, path: str) -> str | None:
        """See Reader."""
        return self._inner.readlink(path)

    def realpath(self, path: str) -> str:
        """See Reader."""
        return self._inner.realpath(path)

    def exists(self, path: str) -> bool:
        """See Reader."""
        return self._inner.exists(path)

    def stat(self, path: str) -> FileStat | None:
        """See Reader."""
        return self._inner.stat(path)

    def read_range(self, path: str, offset: int, size: int) -> bytes | None:
        """See Reader."""
        return self._inner.read_range(path, offset, size)

    def free_bytes(self, path: str) -> int | None:
        """See Reader."""
        return self._inner.free_bytes(path)

    def output(self, argv: Sequence[str], *, timeout: float = 30.0) -> Done | None:
        """See Reader."""
        return self._inner.output(argv, timeout=timeout)
