"""Definitions that other people wrote, through the real driver: given a device, pins and huge
pages, then given back as they were."""

from __future__ import annotations

import difflib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from backends.formats import domain_xml
from backends.formats.domain_xml import Evdev, Hostdev, Shmem, Topology, Wanted
from tests.formats.domain_xml.canonical import canonical
from tests.formats.samples import REALWORLD, read
from tests.libvirt.daemon import Daemon, fitted

pytestmark = [pytest.mark.libvirt, pytest.mark.realworld]

WISHES = {
    "device, pins, hugepages": Wanted(
        hostdevs=(Hostdev("0000:41:00.0", "no"), Hostdev("0000:41:00.1", "yes")),
        vcpupin=("0", "1"),
        emulatorpin="0-1",
        hugepages="2M",
    ),
    "everything": Wanted(
        hostdevs=(Hostdev("0000:41:00.0", "no", rom="/r.rom"),),
        vcpupin=("0", "1"),
        emulatorpin="0-1",
        iothreadpin=("0",),
        hugepages="2M",
        memory="2G",
        locked=True,
        nosharepages=True,
        numatune=("strict", "0"),
        kvm_hidden=True,
        vendor_id="abc",
        memballoon="none",
        scsi={0: {}},
        shmem=(Shmem("lg", "32M"),),
        evdev=(Evdev("/dev/input/event7", grab="all", repeat="on"),),
        discard="unmap",
    ),
    "one card": Wanted(
        hostdevs=tuple(Hostdev(f"0000:41:00.{n}", "no", card="0000:41:00") for n in (0, 1)),
    ),
    "vCPUs": Wanted(vcpu=4, topology=Topology(1, 2, 2), vcpupin=("0", "1", "0-1", "1")),
}


@dataclass
class Trial:
    """One definition through the driver. ``before`` is as libvirt itself leaves it: some it
    changes when it is given back what it printed (console ports, order of controllers)."""

    daemon: Daemon
    uuid: str
    before: str

    def run(self, wanted: Wanted) -> str:
        """What became of it: ``restored`` or, before anything was touched, ``refused``."""
        want = wanted.properties()
        if any(c.fatal for c in domain_xml.conflicts(domain_xml.parse(self.before), want)):
            return "refused"
        done = domain_xml.edit(self.before, want)
        changed = self.daemon.redefine(self.uuid, done.xml)
        assert domain_xml.edit(changed, want).differences == (), "a second run has something to do"
        undone = domain_xml.restore(changed, self.before, [d.key for d in done.differences])
        assert canonical(undone) == canonical(self.before), "more than what is owned has changed"
        restored = self.daemon.redefine(self.uuid, undone)
        assert restored == self.before, diff(self.before, restored)
        return "changed right, restored right"


def diff(a: str, b: str) -> str:
    """What a reader of a failure wants to see."""
    return "\n".join(list(difflib.unified_diff(a.splitlines(), b.splitlines(), lineterm=""))[:40])


def corpus() -> list[Path]:
    """Every definition there is."""
    return sorted((REALWORLD / "domxml").rglob("*.xml"))


def test_every_definition_is_changed_and_given_back(
    daemon: Daemon, capsys: pytest.CaptureFixture[str]
) -> None:
    files = corpus()
    if not files and not os.environ.get("CI"):
        pytest.skip(f"no definitions below {REALWORLD}; set REALWORLD")
    counts = {wish: Counter[str]() for wish in WISHES}
    wrong = []
    for path in files:
        uuid = daemon.define(fitted(read(path).encode("utf-8", "replace").decode()))
        if not uuid:
            continue
        before = daemon.redefine(uuid, daemon.dump(uuid))
        for wish, wanted in WISHES.items():
            counts[wish]["defined"] += 1
            try:
                counts[wish][Trial(daemon, uuid, before).run(wanted)] += 1
            except AssertionError as e:
                wrong.append(f"{path.name}, {wish}: {e}")
                daemon.redefine(uuid, before)
        daemon.virsh("undefine", "--nvram", uuid)
    with capsys.disabled():
        print(f"\n{len(files)} files")
        for wish, count in counts.items():
            print(f"  {wish}:", ", ".join(f"{n} {what}" for what, n in count.items()))
    assert not wrong, "\n".join(wrong)
    assert all(count["defined"] > 200 for count in counts.values())
