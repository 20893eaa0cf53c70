"""A language server as an editor drives it: Tombi over stdio, without a network.

The protocol: https://microsoft.github.io/language-server-protocol/specifications/lsp/3.17
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

TOMBI = Path(sys.executable).parent / "tombi"


class Editor:
    """One open document, whose text need not be on disk; the cursor is at its end."""

    def __init__(self, to: IO[bytes], answers: IO[bytes]) -> None:
        self._to, self._answers = to, answers
        self._asked = self._version = 0

    def start(self, folder: Path) -> None:
        """What an editor says first, in LSP's order."""
        here = [{"uri": folder.as_uri(), "name": folder.name}]
        self._ask("initialize", processId=None, capabilities={}, workspaceFolders=here)
        self._send({"method": "initialized", "params": {}})

    def accept(self, path: Path, text: str, label: str) -> tuple[str, str]:
        """The text after the completion called `label` was taken, and what was said of it.

        AssertionError where it was not offered.
        """
        where = self._open(path, text)
        answer = self._ask("textDocument/completion", **where)
        offered = {item["label"]: item for item in items(answer)}
        assert label in offered, f"offered: {sorted(offered)}"
        item = offered[label]
        edits = [item["textEdit"], *item.get("additionalTextEdits", ())]
        return edited(text, edits), item["documentation"]["value"]

    def hover(self, path: Path, text: str) -> str:
        """What is shown of the word at the end of the text."""
        answer = self._ask("textDocument/hover", **self._open(path, text))
        return str(answer["contents"]["value"])

    def _open(self, path: Path, text: str) -> dict[str, Any]:
        """The place of the cursor, once the server has read the text.

        It takes messages side by side, and shows its opinion of a text when it is done with it.
        """
        self._version += 1
        document = {"uri": path.as_uri(), "version": self._version, "text": text}
        opened = {"textDocument": {**document, "languageId": "toml"}}
        self._send({"method": "textDocument/didOpen", "params": opened})
        while (self._next().get("params") or {}).get("version") != self._version:
            pass
        lines = text.split("\n")
        position = {"line": len(lines) - 1, "character": len(lines[-1])}
        return {"textDocument": {"uri": path.as_uri()}, "position": position}

    def _ask(self, method: str, **params: Any) -> Any:
        """The answer to a request."""
        self._asked += 1
        self._send({"id": self._asked, "method": method, "params": params})
        while "method" in (message := self._next()):
            pass
        assert message["id"] == self._asked
        return message["result"]

    def _next(self) -> dict[str, Any]:
        """The server's next message; what it asks is answered with nothing."""
        message = self._receive()
        if "method" in message and "id" in message:
            self._send({"id": message["id"], "result": None})
        return message

    def _send(self, message: Mapping[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._to.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._to.flush()

    def _receive(self) -> dict[str, Any]:
        length = 0
        while header := self._answers.readline().strip():
            name, _, value = header.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, "the language server has ended"
        message: dict[str, Any] = json.loads(self._answers.read(length))
        return message


def items(answer: Any) -> list[dict[str, Any]]:
    """Completions come as a list, or in an object that says whether they are all."""
    found: list[dict[str, Any]] = answer["items"] if isinstance(answer, dict) else answer or []
    return found


def edited(text: str, edits: list[dict[str, Any]]) -> str:
    """The text after edits that do not overlap, the last one first (columns of ASCII text)."""
    lines = text.split("\n")

    def offset(place: dict[str, int]) -> int:
        return sum(len(line) + 1 for line in lines[: place["line"]]) + place["character"]

    spans = [(offset(e["range"]["start"]), offset(e["range"]["end"]), e["newText"]) for e in edits]
    for start, end, new in sorted(spans, reverse=True):
        text = text[:start] + new + text[end:]
    return text


@contextmanager
def tombi(folder: Path, env: Mapping[str, str]) -> Iterator[Editor]:
    """An editor with a folder open, and Tombi behind it."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    argv = (TOMBI, "lsp", "--offline")
    with subprocess.Popen(argv, cwd=folder, env=env, **pipes) as process:  # type: ignore[call-overload]
        try:
            editor = Editor(process.stdin, process.stdout)
            editor.start(folder)
            yield editor
        finally:
            process.kill()
