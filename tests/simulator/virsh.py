"""A virsh that answers what is asked of it: for hosts that have domains but no libvirt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backends.libvirt.script import MARK
from backends.reader import Done

_COMMAND = re.compile(rf"^{MARK} (\d+)\n'\n(.+)$", re.M)
_CAPABILITIES = """<capabilities><host><secmodel><model>apparmor</model></secmodel>
<secmodel><model>dac</model><baselabel type='kvm'>+64055:+994</baselabel></secmodel>
</host></capabilities>"""
_VERSION = """Compiled against library: libvirt 9.0.0
Using library: libvirt 9.0.0
Using API: QEMU 9.0.0
Running hypervisor: QEMU 7.2.15"""


@dataclass(frozen=True)
class Domain:
    """A persistent domain."""

    name: str
    uuid: str
    xml: str
    running: bool = False
    autostart: bool = False


class Virsh:
    """Passed to TreeReader as what runs programs."""

    def __init__(self, *domains: Domain) -> None:
        self.domains = domains

    def __call__(self, argv: Sequence[str], timeout: float) -> Done | None:
        """The output of one process that runs many commands (backends.libvirt.script)."""
        if argv[0] != "virsh":
            return None
        parts = (
            f"\n{MARK} {number}\n\n{self._answer(command)}\n"
            for number, command in _COMMAND.findall(argv[-1])
        )
        return Done(tuple(argv), 0, "".join(parts), "")

    def _answer(self, command: str) -> str:
        if command.startswith("dumpxml"):
            wanted = command.rpartition(" ")[2].removeprefix("--domain=")
            return next((d.xml for d in self.domains if wanted in (d.name, d.uuid)), "")
        if command.startswith("list"):
            return "\n".join(self._listed(command))
        return {"version": _VERSION, "capabilities": _CAPABILITIES}.get(command, "qemu:///system")

    def _listed(self, command: str) -> list[str]:
        words = command.split()
        if {
            "--state-paused",
            "--transient",
            "--with-managed-save",
            "--with-snapshot",
            "--with-checkpoint",
        } & set(words):
            return []
        found = self.domains
        if "--all" not in words or "--state-running" in words:
            found = tuple(d for d in found if d.running)
        if "--autostart" in words:
            found = tuple(d for d in found if d.autostart)
        return [f"{d.uuid} {d.name}" if "--name" in words else d.uuid for d in found]
