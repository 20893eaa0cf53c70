"""A whole host whose files hold anything: it is planned, inspected and described all the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from backends.reader import CaptureError
from backends.recorded import CaptureReader
from reconciler.inspection import inspect
from reconciler.observe import observe
from reconciler.plan_json import dumps, to_json
from reconciler.render import inspect_markdown, inspect_text, plan_markdown, plan_text
from reconciler.render.html import inspect_page
from reconciler.render.style import Style
from reconciler.resources import own_paths
from reconciler.session import Session
from reconciler.source import Source
from reconciler.starter.describe import describe
from tests.fuzz.target import Target

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("intel-workstation", "amd-workstation", "sriov-server", "vm-host")


class Gaps(CaptureReader):
    """What a capture does not hold is not there: changed text leads to paths that nobody read."""

    def _get(self, path: str, *keys: str) -> tuple[str, Any]:
        try:
            return super()._get(path, *keys)
        except CaptureError:
            empty = {"list": (), "exists": False, "realpath": path, "link": None}
            return keys[0], empty.get(keys[0])


def targets() -> Iterator[Target]:
    """One an example. An input says which file of the host holds what: two bytes, then content."""
    for name in NAMES:
        host = _Example(EXAMPLES / name)
        yield Target(f"host-{name}", host.try_with, list(host.seeds()), slow=True)


class _Example:
    """A capture, and the files in it that have text."""

    def __init__(self, folder: Path) -> None:
        data = json.loads((folder / "capture.json").read_bytes())
        self._nodes: Mapping[str, Mapping[str, Any]] = data["nodes"]
        self._programs: Sequence[Mapping[str, Any]] = data["programs"]
        self._uri = str(data["libvirt_uri"])
        self._files = [p for p, node in self._nodes.items() if node.get("text")]
        self._spec = str(folder / "host.toml")

    def seeds(self) -> Iterator[bytes]:
        """Every file as it is; programs' answers follow the files."""
        for number, path in enumerate(self._files):
            yield number.to_bytes(2, "big") + str(self._nodes[path]["text"]).encode()
        for number, program in enumerate(self._programs, len(self._files)):
            if program["result"]:
                yield number.to_bytes(2, "big") + str(program["result"]["out"]).encode()

    def try_with(self, data: bytes) -> None:
        """Plan, inspect and describe the host with one file, or one answer, changed."""
        number, text = int.from_bytes(data[:2], "big"), data[2:].decode("utf-8", "surrogateescape")
        nodes, programs = self._nodes, list(self._programs)
        number %= len(self._files) + len(programs)
        if number < len(self._files):
            path = self._files[number]
            nodes = {**nodes, path: {**nodes[path], "text": text}}
        else:
            changed = programs[number - len(self._files)]
            programs[number - len(self._files)] = {
                **changed,
                "result": {**(changed["result"] or {"rc": 0, "err": ""}), "out": text},
            }
        reader = Gaps(nodes, programs)
        session = Session.open(self._spec, Source(reader, None, self._uri))
        state = observe(reader, own_paths(), libvirt_uri=self._uri)
        plan, found = session.plan(state=state), inspect(state)
        for shown in (
            dumps(to_json(plan)),
            plan_text.text(plan, Style(), verbose=True),
            plan_markdown.markdown(plan),
            inspect_text.text(found, verbose=True),
            inspect_markdown.markdown(found),
            inspect_page.page(found),
            describe(state, "schema"),
        ):
            shown.encode()  # raises where a name is no UTF-8 and was not made harmless
