"""Interrupts, slices and TuneD."""

from __future__ import annotations

from backends.topology.irq import Irq, Irqbalance, IrqState, observe_irqs
from backends.topology.systemd import Setting, observe_systemd
from backends.topology.tuned import TunedState, observe_tuned
from specs.values import CpuSet
from tests.topology.maps import MapReader

_IRQ = {
    "/proc/irq/default_smp_affinity": "f\n",
    "/proc/irq/24/smp_affinity_list": "0-3\n",
    "/proc/irq/24/spurious": "count 1\n",
    "/proc/irq/36/smp_affinity_list": "2\n",
    "/proc/irq/36/nvme0q3/x": "",
    "/proc/irq/36/spurious": "",
    "/proc/irq/9/affinity_hint": "",
}


def test_interrupts_that_the_kernel_keeps_are_named() -> None:
    state = observe_irqs(MapReader(_IRQ, readonly=["/proc/irq/36/smp_affinity_list"]))
    assert state.default == CpuSet(range(4))
    assert state.irqs == (
        Irq(24, CpuSet(range(4)), fixed=False),
        Irq(36, CpuSet((2,)), fixed=True, names=("nvme0q3",)),
    )


def test_only_interrupts_elsewhere_are_asked_for_hints_and_names() -> None:
    files = {
        "/proc/irq/default_smp_affinity": "3\n",
        "/proc/irq/7/smp_affinity_list": "4\n",
        "/proc/irq/7/affinity_hint": "00000010\n",
        "/proc/irq/7/eth0-rx/x": "",
        "/proc/irq/8/smp_affinity_list": "0\n",
        "/proc/irq/8/affinity_hint": "00000010\n",
    }
    seven, eight = observe_irqs(MapReader(files)).irqs
    assert (seven.hinted, seven.names) == (True, ("eth0-rx",))
    assert (eight.hinted, eight.names) == (False, ())


def test_affinities_are_no_part_of_the_digest() -> None:
    marked = set(IrqState.VOLATILE)
    assert marked == {"default", "irqs"}


def test_irqbalance_with_its_banned_cpus() -> None:
    files = {
        "/usr/lib/systemd/system/irqbalance.service": "",
        "/etc/default/irqbalance": "#IRQBALANCE_BANNED_CPULIST=9\nIRQBALANCE_BANNED_CPULIST=2-3\n",
    }
    found = observe_irqs(MapReader(files)).irqbalance
    assert found == Irqbalance(installed=True, banned=CpuSet((2, 3)))
    absent = observe_irqs(MapReader({})).irqbalance
    assert absent == Irqbalance(installed=False, banned=None)


def test_services_that_run_are_seen_in_either_hierarchy() -> None:
    files = {
        "/sys/fs/cgroup/system.slice/irqbalance.service/cgroup.procs": "811\n",
        "/sys/fs/cgroup/systemd/system.slice/libvirtd.service/cgroup.procs": "4\n5\n",
        "/sys/fs/cgroup/system.slice/virtqemud.service/cgroup.procs": "",
    }
    running = observe_systemd(MapReader(files)).running
    assert running == {"irqbalance.service", "libvirtd.service"}


_SLICES = {
    "/run/systemd/system/x": "",
    "/sys/fs/cgroup/cgroup.controllers": "cpuset cpu io memory\n",
    "/sys/fs/cgroup/system.slice/cpuset.cpus": "0-1\n",
    "/sys/fs/cgroup/user.slice/cpuset.cpus": "\n",
    "/usr/lib/systemd/system/system.slice.d/20-vendor.conf": "[Slice]\nAllowedCPUs=0-7\n",
    "/etc/systemd/system/system.slice.d/reconcile.conf": "[Slice]\nAllowedCPUs=\nAllowedCPUs=0-1\n",
    "/etc/systemd/system/system.slice.d/notes.txt": "[Slice]\nAllowedCPUs=5\n",
    "/etc/systemd/system/slice.d/all.conf": "[Slice]\nCPUWeight=10\n",
    "/etc/systemd/system/init.scope.d/reconcile.conf": "[Scope]\nAllowedCPUs=0 1\n",
    "/etc/systemd/system.conf": "[Manager]\n#CPUAffinity=\n",
    "/etc/systemd/system.conf.d/10-cpu.conf": "[Manager]\nCPUAffinity=0-1 8-9\n",
}


def test_slices_as_configured_and_as_they_run() -> None:
    state = observe_systemd(MapReader(_SLICES))
    assert state.booted
    assert state.cpuset
    system = state.slice("system.slice")
    assert system is not None
    assert system.configured == system.running == CpuSet((0, 1))
    assert [s.path for s in system.files] == [
        "/usr/lib/systemd/system/system.slice.d/20-vendor.conf",
        "/etc/systemd/system/system.slice.d/reconcile.conf",
    ]
    user, init = state.slice("user.slice"), state.slice("init.scope")
    assert user is not None
    assert init is not None
    assert (user.configured, user.running, user.files) == (None, None, ())
    assert (init.configured, init.running) == (CpuSet((0, 1)), None)


def test_a_drop_in_of_the_administrator_hides_one_of_the_same_name() -> None:
    files = {
        "/usr/lib/systemd/system/user.slice.d/a.conf": "[Slice]\nAllowedCPUs=7\n",
        "/etc/systemd/system/user.slice.d/a.conf": "[Slice]\nAllowedCPUs=3\n",
    }
    found = observe_systemd(MapReader(files)).slice("user.slice")
    assert found is not None
    assert found.configured == CpuSet((3,))


def test_the_affinity_of_the_manager_is_found_where_it_is_set() -> None:
    state = observe_systemd(MapReader(_SLICES))
    path = "/etc/systemd/system.conf.d/10-cpu.conf"
    assert state.manager_affinity == (Setting(path, CpuSet((0, 1, 8, 9))),)


def test_words_that_are_no_cpu_list_are_skipped_as_systemd_does() -> None:
    files = {"/etc/systemd/system/user.slice.d/a.conf": "[Slice]\nAllowedCPUs=numa 1-2\n"}
    found = observe_systemd(MapReader(files)).slice("user.slice")
    assert found is not None
    assert found.configured == CpuSet((1, 2))


def test_tuned_with_and_without_kernel_arguments() -> None:
    files = {
        "/etc/tuned/active_profile": "cpu-partitioning\n",
        "/etc/tuned/bootcmdline": '# text\nTUNED_BOOT_CMDLINE="nohz=on isolcpus=2-3"\n',
    }
    assert observe_tuned(MapReader(files)) == TunedState("cpu-partitioning", "nohz=on isolcpus=2-3")
    assert observe_tuned(MapReader({})) == TunedState("", "")
