"""A server as a tree with a libvirt of its own, and specs for both."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cli import Ran, run
from tests.libvirt.daemon import Daemon, minimal

GPU = """[[device]]
name = "gpu"
address = "0000:3b:00.1"
id = "8086:1572"
bind = "vm"
"""
VM = """[[vm]]
name = "win11"
devices = ["gpu"]
autostart = true
vcpu = 4
[vm.cputune]
vcpupin = ["2", "14", "3", "15"]
emulatorpin = "0-1"
iothreadpin = ["0-1"]
[vm.memory]
size = "1G"
numatune = { nodeset = "0" }
locked = true
[vm.disks]
discard = "unmap"
"""
EMPTY = "version = 1\n"


@dataclass
class Bench:
    """A server as a tree, its libvirt, and specs to apply to both."""

    daemon: Daemon
    folder: Path

    def spec(self, *tables: str) -> Path:
        path = self.folder / "host.toml"
        path.write_text("\n".join([EMPTY, *tables]))
        return path

    def reconcile(self, mode: str, *tables: str, connect: str = "") -> Ran:
        return run(
            mode,
            self.spec(*tables),
            "--root",
            self.folder / "root",
            "--connect",
            connect or self.daemon.uri,
            "--detailed-exitcode",
            "--format",
            "json",
        )

    def plan(self, *tables: str) -> dict[str, Any]:
        return dict(json.loads(self.reconcile("--plan", *tables).out))

    def apply(self, *tables: str) -> dict[str, Any]:
        ran = self.reconcile("--apply", *tables)
        assert ran.code in (0, 4), ran.out + ran.err
        return dict(json.loads(ran.out))

    def codes(self, *tables: str) -> dict[str, str]:
        return {f["code"]: f["severity"] for f in self.plan(*tables)["findings"]}

    def define(self, name: str = "win11", devices: str = "") -> str:
        uuid = self.daemon.define(minimal(name, devices))
        self.daemon.redefine(uuid, self.daemon.dump(uuid, "--security-info"))
        return uuid
