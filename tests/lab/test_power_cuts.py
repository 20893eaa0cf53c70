"""The power goes at random moments of an apply: every one of those hosts boots, and the next apply
reaches what an undisturbed one reaches.

One guest applies the spec. While it does, QEMU is stopped at random moments (SIGSTOP) and its disk
copied: the copy is what a cut at that moment leaves. Then every copy is booted. $RECONCILE_LAB_CUTS
says how many (20), $RECONCILE_LAB_SEED draws the moments (1).
"""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from . import observe
from .base import subdir
from .conftest import Lab
from .flavours import named
from .guest import Guest, Job
from .machines import NIC
from .qemu import Setup
from .tool import SPEC, Reconcile

pytestmark = [pytest.mark.lab, pytest.mark.long]

WANTED = f"""version = 1
[boot]
kernel_args = ["mitigations=auto"]
[[device]]
name = "nic"
address = "{NIC}"
id = "8086:10d3"
"""
ARGUMENTS = {"iommu=pt", "mitigations=auto"}
_PAUSE = 2.5  # seconds, at most, between two moments
_RUNS = "/var/lib/reconcile/runs"


@dataclass(frozen=True, slots=True)
class Cut:
    """A disk as the power cut left it, some seconds after the apply began."""

    after: float
    disk: Path
    nvram: Path | None


def test_every_power_cut_is_survived(
    lab: Lab, flavour: str, capsys: pytest.CaptureFixture[str]
) -> None:
    guest = lab.boot(flavour)
    guest.write(SPEC, WANTED)
    guest.out("sync")  # the cuts are to be those of the apply
    before = look(guest, flavour)
    wanted = int(os.environ.get("RECONCILE_LAB_CUTS") or "20")
    folder = Path(tempfile.mkdtemp(prefix=f"cuts-{flavour}.", dir=subdir("runs")))
    cuts = cut(guest, folder, wanted)
    after = look(guest, flavour)
    assert after != before
    lab.end(guest)
    with capsys.disabled():
        print(f"\n{flavour}: {len(cuts)} power cuts")
        for number, one in enumerate(cuts, 1):
            line = survived(lab, guest.setup, one, flavour, before, after)
            print(f"boot {number} of {len(cuts)}: {line}", flush=True)
    shutil.rmtree(folder)


def cut(guest: Guest, folder: Path, wanted: int) -> list[Cut]:
    """Apply, and copy the disk at random moments until it is done. However long that takes, each
    moment has the same chance to be among the copies that are kept."""
    chance = random.Random(int(os.environ.get("RECONCILE_LAB_SEED") or "1"))
    job = guest.submit("reconcile --apply")
    began, frozen, number = time.monotonic(), 0.0, 0
    kept: list[Cut] = []
    while job.result() is None:
        time.sleep(chance.uniform(0, _PAUSE))
        place = chance.randrange(number + 1) if number >= wanted else number
        number += 1
        if place < wanted and job.started():
            pause = time.monotonic()
            one = _copy(guest, folder / f"{number:03}", pause - began - frozen)
            frozen += time.monotonic() - pause
            if place < len(kept):
                shutil.rmtree(kept[place].disk.parent)
                kept[place] = one
            else:
                kept.append(one)
    _ended_well(job)
    assert len(kept) == wanted, f"only {len(kept)} cuts: the apply was over too soon"
    return sorted(kept, key=lambda one: one.after)


def _ended_well(job: Job) -> None:
    done = job.result()
    assert done is not None
    assert done.rc == 0, done.text


def _copy(guest: Guest, place: Path, after: float) -> Cut:
    """QEMU is stopped, not asked: what it has not written yet is lost, as when it is killed."""
    place.mkdir()
    with guest.frozen():
        disk = Path(shutil.copyfile(guest.setup.disk, place / "overlay.qcow2"))
        old = guest.setup.nvram
        nvram = None if old is None else Path(shutil.copyfile(old, place / "vars.fd"))
    return Cut(after, disk, nvram)


def survived(
    lab: Lab,
    setup: Setup,
    one: Cut,
    flavour: str,
    before: dict[str, str],
    after: dict[str, str],
) -> str:
    """Boot it, look, apply, look; a line about it."""
    work = one.disk.parent
    guest = Guest(replace(setup, work=work, disk=one.disk, nvram=one.nvram, scratch=True))
    lab.guests.append(guest)
    guest.start()
    assert guest.state in ("running", "degraded"), guest.state
    entries_are_old_or_new(guest, flavour)
    now = look(guest, flavour)
    torn = [p for p in {*before, *after} if now.get(p) not in (before.get(p), after.get(p))]
    assert not torn, torn
    killed = guest.run(f"cat {_RUNS}/*/journal.jsonl 2>/dev/null | tail -n1").text
    assert Reconcile(guest)("--apply") == 0
    assert look(guest, flavour) == after
    assert Reconcile(guest)("--plan", "--detailed-exitcode") == 4  # only a reboot is missing
    lab.end(guest)
    return f"{one.after:6.1f} s: {_event(killed)}"


def entries_are_old_or_new(guest: Guest, flavour: str) -> None:
    """And one of them was just booted."""
    found = observe.entries(guest, named(flavour).loader)
    assert found
    for entry in found:
        ours = ARGUMENTS & set(entry.words())
        assert ours in (set(), ARGUMENTS), entry


def look(guest: Guest, flavour: str) -> dict[str, str]:
    """Configuration, and the generated boot configuration."""
    found = observe.configuration(guest)
    if named(flavour).loader == "grub-mkconfig":
        found["/boot/grub/grub.cfg"] = guest.out("sha256sum </boot/grub/grub.cfg")
    return found


def _event(line: str) -> str:
    """The last thing that the journal says."""
    try:
        event = json.loads(line)
    except ValueError:
        return "nothing in the journal" if not line.strip() else "a torn line"
    return " ".join(str(event[k]) for k in ("event", "change", "preview") if k in event)
