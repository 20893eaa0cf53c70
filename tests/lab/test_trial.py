"""Trial boots that go wrong in every way, and one that goes well, on real boot loaders."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from . import observe, report
from .conftest import Lab
from .flavours import chosen
from .guest import Guest
from .holds import Host
from .machines import NIC
from .tool import SPEC

pytestmark = pytest.mark.lab

# Arguments that the tool takes, and what each does to a guest.
PANIC = "initcall_blacklist=populate_rootfs"  # no initramfs, so no root: the kernel panics
NO_DISK = "modprobe.blacklist=virtio_pci,virtio_blk"  # the initramfs waits for the root disk
NO_TARGET = "systemd.mask=sysinit.target"  # PID 1 stands there and starts nothing
GOOD = "mitigations=auto"
FLAVOURS = [f for f in ("grub-bios", *chosen()) if f not in ("uki", "bls")]


@dataclass(frozen=True, slots=True)
class Trial:
    """A guest, and how it was before any trial."""

    host: Host
    running: list[str]
    boot: dict[str, str]

    @property
    def guest(self) -> Guest:
        """The guest."""
        return self.host.guest

    def spec(self, argument: str, rest: str = "", minutes: int = 1) -> None:
        """A spec that tries an argument."""
        text = f"version = 1\n[boot]\ntrial = true\ntrial_minutes = {minutes}\n{rest.strip()}\n"
        self.guest.write(SPEC, f'{text}kernel_args = ["{argument}"]\n')

    def arm(self) -> None:
        """Apply: an entry more, and nothing else that boots."""
        assert self.host.reconcile("--apply") == 0
        assert self.host.reconcile("--apply", "--detailed-exitcode") == 4
        now = configuration(self.guest)
        assert {p: now.get(p) for p in self.boot} == self.boot

    def is_back(self) -> None:
        """The old arguments run, and the tool says what happened."""
        assert observe.running(self.guest) == self.running
        plan = self.host.reconcile.json("--plan")
        assert "trial-failed" in {f["code"] for f in plan["findings"]}
        assert self.host.reconcile("--apply") == 3


def begin(guest: Guest, flavour: str) -> Trial:
    """Everything that is to be as it is."""
    return Trial(Host(guest, flavour), observe.running(guest), configuration(guest))


def configuration(guest: Guest) -> dict[str, str]:
    """Every file that decides what boots; GRUB's generated menu too."""
    menu = guest.out("cat /boot/grub/grub.cfg 2>/dev/null || true")
    return {**observe.configuration(guest), "grub.cfg": menu}


def fails(trial: Trial, argument: str, minutes: int = 1) -> None:
    """An argument with which the guest does not come up."""
    trial.spec(argument, 'absent_kernel_args = ["quiet"]', minutes)  # the console tells the line
    trial.arm()
    before = len(trial.guest.console)
    trial.guest.reboot()
    assert argument in trial.guest.console[before:], "the trial entry was never started"
    trial.is_back()


@pytest.mark.long
@pytest.mark.xdist_group("sdboot")
def test_a_kernel_that_panics_comes_back_by_itself(lab: Lab) -> None:
    guest = lab.boot("sdboot")
    fails(begin(guest, "sdboot"), PANIC)
    lab.end(guest)


@pytest.mark.long
@pytest.mark.parametrize(
    "name", [pytest.param(f, marks=pytest.mark.xdist_group(f)) for f in FLAVOURS]
)
def test_trials(lab: Lab, name: str) -> None:
    """The old arguments are back after all but the last."""
    guest = lab.boot(name)
    steps = report.Steps(f"trial-{name}", guest.setup.accel, guest.cpu_seconds)
    trial = begin(guest, name)
    with steps("panics"):
        fails(trial, PANIC)
    with steps("never finds its disk"):
        fails(trial, NO_DISK)
    with steps("stands still"):
        fails(trial, NO_TARGET)
    with steps("boots, is never confirmed"):
        never_confirmed(trial)
    with steps("boots, confirms itself"):
        confirmed(trial)
    with steps("reboot"):
        guest.reboot()
        stays(trial)
    with steps("empty spec"):
        guest.write(SPEC, "version = 1\n")
        assert trial.host.reconcile("--apply") == 0
        now = configuration(guest)
        assert {p: now.get(p) for p in trial.boot} == trial.boot
    lab.end(guest)


def never_confirmed(trial: Trial) -> None:
    """A good boot whose check fails: it ends by itself, after the minutes of the spec."""
    trial.spec(GOOD, 'checks = [["false"]]', minutes=3)
    trial.arm()
    trial.guest.reboot()
    assert GOOD in observe.running(trial.guest)
    trial.guest.reboot("true")  # no command: the guest does it
    trial.is_back()


def confirmed(trial: Trial) -> None:
    """A good boot with a device: bound, checked and confirmed by the unit."""
    device = f'[[device]]\nname = "nic"\naddress = "{NIC}"\n'
    trial.spec(GOOD, 'checks = [["test", "-d", "/sys/kernel/iommu_groups/0"]]', minutes=10)
    trial.guest.out(f"printf '{device}' >>{SPEC}")
    trial.arm()
    trial.guest.reboot()
    assert {GOOD, "iommu=pt", "panic=10"} <= set(observe.running(trial.guest))
    trial.guest.out(
        "for n in $(seq 60); do systemctl is-active -q reconcile-confirm || break; sleep 5; done"
        "; journalctl -b -u reconcile-confirm --no-pager; ! systemctl is-failed reconcile-confirm"
    )
    assert observe.driver(trial.guest, NIC) == "vfio-pci"
    assert not trial.guest.run("ls /etc/systemd/system | grep reconcile").text


def stays(trial: Trial) -> None:
    """What was tried is what boots."""
    running = observe.running(trial.guest)
    assert {GOOD, "iommu=pt"} <= set(running)
    assert not any(word.startswith(("panic=", "reconcile.trial")) for word in running)
    assert observe.driver(trial.guest, NIC) == "vfio-pci"
    assert trial.host.reconcile("--apply") == 0
    assert trial.host.reconcile.in_sync()
