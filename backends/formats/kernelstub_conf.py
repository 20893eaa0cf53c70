"""/etc/kernelstub/configuration: JSON, which kernelstub writes anew at each of its runs.

Source: pop-os/kernelstub, config.py (``json.dump`` with an indent of 2 and no newline at the end).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from backends.formats import cmdline, json_text
from specs.errors import ReconcileError


class KernelstubError(ReconcileError):
    """The configuration is not what kernelstub writes."""


def setting(text: str, name: str) -> Any:
    """A setting of the ``user`` section, or None. Raises KernelstubError."""
    return _user(_parsed(text)).get(name)


def options(text: str) -> tuple[str, ...]:
    """The kernel's words. Raises KernelstubError."""
    found = setting(text, "kernel_options")
    if not (isinstance(found, list) and all(isinstance(word, str) for word in found)):
        raise KernelstubError("its kernel_options are not a list of words")
    return cmdline.tokens(" ".join(found))


def with_options(text: str, remove: Sequence[str], add: Sequence[str]) -> str:
    """The configuration with its kernel options edited, as kernelstub itself would write it;
    unchanged where they are so already. Raises KernelstubError."""
    old = options(text)
    new = cmdline.edit(old, remove, add)
    if new == old:
        return text
    data = _parsed(text)
    _user(data)["kernel_options"] = list(new)
    return json.dumps(data, indent=2)


def as_saved(text: str) -> str:
    """What kernelstub's next run makes of the file."""
    return json.dumps(_parsed(text), indent=2)


def _parsed(text: str) -> dict[str, Any]:
    try:
        data = json_text.loads(text)
    except ValueError as e:
        raise KernelstubError(f"it is not JSON: {e}") from e
    if not isinstance(data, dict):
        raise KernelstubError("it is not a JSON object")
    return data


def _user(data: dict[str, Any]) -> dict[str, Any]:
    user = data.get("user")
    if not isinstance(user, dict):
        raise KernelstubError("it has no user section", hint="run kernelstub once")
    return user
