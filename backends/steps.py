"""What can be done to a host, as frozen data: the plan shows the very steps that apply performs."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from backends.files import Marks
from specs.errors import ReconcileError
from specs.record import Record, field


class StepError(ReconcileError):
    """A step failed; the host's files are whole. ``hint`` says how to repeat it by hand."""


class WriteFile(Record):
    """Put ``content`` at ``path``: temporary file beside it, fsync, rename, fsync of the folder.

    An existing file keeps its owner and extended attributes, unless ``marks`` says which to give
    (an undo does); ``mode`` is what it has afterwards.
    """

    path: str
    content: bytes
    mode: int = 0o644
    marks: Marks | None = None

    def to_json(self) -> dict[str, Any]:
        """The contract's form of this step."""
        out: dict[str, Any] = {"do": "write", "path": self.path, "mode": f"{self.mode:04o}"}
        try:
            out["content"] = self.content.decode()
        except UnicodeDecodeError:
            out["content_base64"] = base64.b64encode(self.content).decode()
        if self.marks is not None:
            named = {n: base64.b64encode(v).decode() for n, v in self.marks.attributes}
            out |= {"owner": [self.marks.uid, self.marks.gid], "attributes": named}
        return out

    def preview(self) -> str:
        """One line for people."""
        return f"write {self.path}"


class RemoveFile(Record):
    """Remove ``path``; it is no error when it is gone already. Then ``folders`` that are empty."""

    path: str
    folders: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The contract's form of this step."""
        out: dict[str, Any] = {"do": "remove", "path": self.path}
        return {**out, "folders": list(self.folders)} if self.folders else out

    def preview(self) -> str:
        """One line for people."""
        return f"remove {self.path}"


class RenameFile(Record):
    """fsync ``source``, rename it over ``path`` (rename(2): old or new, never torn).

    ``again`` is the program that makes ``source``: of a file that is too big to keep, undo makes
    another one from the restored inputs instead of bringing the old bytes back.
    """

    source: str
    path: str
    again: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """An addition to the contract's steps."""
        out: dict[str, Any] = {"do": "rename", "source": self.source, "path": self.path}
        return {**out, "again": list(self.again)} if self.again else out

    def preview(self) -> str:
        """One line for people."""
        return f"rename {self.source} to {self.path}"


class WriteAttribute(Record):
    """Write ``value`` to a sysfs or procfs file with one write(2); it must exist already.

    The kernel may block in it (a driver's teardown): it is done in a child that has ``timeout``
    seconds. ``undo`` is what puts the old state back, as (path, value) pairs in order; None means
    "write the text that was read before". With ``optional`` it is no error that the attribute or
    the device is gone: an undo has nothing to do there. With ``tolerate`` neither is a refusal by
    the kernel: looking again tells what came of it.
    """

    path: str
    value: str
    undo: tuple[tuple[str, str], ...] | None = None
    timeout: float = 30.0
    optional: bool = False
    tolerate: bool = False

    def to_json(self) -> dict[str, Any]:
        """The contract's form of this step, plus what undoes it."""
        out: dict[str, Any] = {"do": "attribute", "path": self.path, "value": self.value}
        if self.undo is not None:
            out["undo"] = [list(pair) for pair in self.undo]
        if self.optional:
            out["optional"] = True
        if self.tolerate:
            out["tolerate"] = True
        return out

    def preview(self) -> str:
        """One line for people."""
        return f"write {self.value.strip() or 'newline'} to {self.path}"


class Expect(Record):
    """What a generated file must look like after the program that made it has ended.

    ``kind`` names the check (see backends.expect); ``like`` is the older file to compare with.
    """

    kind: str
    path: str
    args: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    like: str | None = None
    words: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """JSON form, stable order, empty fields left out."""
        out: dict[str, Any] = {"kind": self.kind, "path": self.path}
        for name in ("args", "absent", "words"):
            if value := getattr(self, name):
                out[name] = list(value)
        if self.like is not None:
            out["like"] = self.like
        return out


class Ran(Record):
    """The program that has ended: what it printed, and when it began (ns since the epoch)."""

    out: str
    began_ns: int


class Run(Record):
    """Run a program (argv, no shell) and require exit status 0.

    ``touches`` names files it may replace, so that their bytes are kept before; ``regenerates``
    says that running it again after its inputs were restored is its own inverse; ``undo`` is the
    argv that takes back what it does to the running system.
    """

    argv: tuple[str, ...]
    timeout: float = 600.0
    expect: Expect | None = None
    touches: tuple[str, ...] = ()
    regenerates: bool = False
    undo: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The contract's form of this step, plus what is checked after it."""
        out: dict[str, Any] = {"do": "run", "argv": list(self.argv), "timeout": self.timeout}
        if self.expect is not None:
            out["expect"] = self.expect.to_json()
        if self.touches:
            out["touches"] = list(self.touches)
        if self.regenerates:
            out["regenerates"] = True
        if self.undo:
            out["undo"] = list(self.undo)
        return out

    def preview(self) -> str:
        """One line for people, ready to paste into a shell."""
        import shlex

        return shlex.join(self.argv)


class DefineDomain(Record):
    """Make ``xml`` the persistent definition of a libvirt domain. It holds no secrets: those of
    the present definition are merged back when the step is performed.

    ``xml`` None removes the definition (only of a domain that reconcile itself had defined).
    ``autostart`` None leaves the autostart mark alone. ``definition`` is the file that a new
    domain comes from: secrets in it are read from there when the step is performed.
    """

    domain: str
    xml: str | None
    autostart: bool | None = None
    uuid: str | None = field(default=None)
    definition: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The contract's form of this step."""
        out: dict[str, Any] = {"do": "define", "domain": self.domain, "xml": self.xml}
        if self.autostart is not None:
            out["autostart"] = self.autostart
        if self.uuid is not None:
            out["uuid"] = self.uuid
        if self.definition is not None:
            out["definition"] = self.definition
        return out

    def preview(self) -> str:
        """One line for people."""
        verb = "undefine" if self.xml is None else "define"
        return f"{verb} domain {self.domain}"


Step: TypeAlias = WriteFile | RemoveFile | RenameFile | WriteAttribute | Run | DefineDomain


def step_from_json(data: Mapping[str, Any]) -> Step:
    """The step that ``to_json`` described. Raises KeyError or ValueError on anything else."""
    make: dict[str, Callable[[Mapping[str, Any]], Step]] = {
        "write": _write,
        "remove": lambda d: RemoveFile(str(d["path"]), tuple(d.get("folders", ()))),
        "rename": _rename,
        "attribute": _attribute,
        "run": _run,
        "define": _define,
    }
    return make[data["do"]](data)


def _write(data: Mapping[str, Any]) -> WriteFile:
    content = (
        base64.b64decode(data["content_base64"], validate=True)
        if "content_base64" in data
        else str(data["content"]).encode()
    )
    return WriteFile(str(data["path"]), content, int(str(data["mode"]), 8), _marks(data))


def _marks(data: Mapping[str, Any]) -> Marks | None:
    if "owner" not in data:
        return None
    uid, gid = data["owner"]
    named = data.get("attributes", {}).items()
    return Marks(int(uid), int(gid), tuple((n, base64.b64decode(v)) for n, v in named))


def _rename(data: Mapping[str, Any]) -> RenameFile:
    again = tuple(str(a) for a in data.get("again", ()))
    return RenameFile(str(data["source"]), str(data["path"]), again)


def _attribute(data: Mapping[str, Any]) -> WriteAttribute:
    undo = data.get("undo")
    pairs = None if undo is None else tuple((str(p), str(v)) for p, v in undo)
    optional = bool(data.get("optional", False))
    return WriteAttribute(
        str(data["path"]),
        str(data["value"]),
        pairs,
        optional=optional,
        tolerate=bool(data.get("tolerate", False)),
    )


def _run(data: Mapping[str, Any]) -> Run:
    expect = data.get("expect")
    return Run(
        argv=tuple(str(a) for a in data["argv"]),
        timeout=float(data.get("timeout", 600.0)),
        expect=None if expect is None else _expect(expect),
        touches=tuple(str(t) for t in data.get("touches", ())),
        regenerates=bool(data.get("regenerates", False)),
        undo=tuple(str(a) for a in data.get("undo", ())),
    )


def _expect(data: Mapping[str, Any]) -> Expect:
    return Expect(
        kind=str(data["kind"]),
        path=str(data["path"]),
        args=tuple(data.get("args", ())),
        absent=tuple(data.get("absent", ())),
        like=data.get("like"),
        words=tuple(data.get("words", ())),
    )


def _define(data: Mapping[str, Any]) -> DefineDomain:
    xml = data.get("xml")
    return DefineDomain(
        str(data["domain"]),
        None if xml is None else str(xml),
        data.get("autostart"),
        data.get("uuid"),
        data.get("definition"),
    )
