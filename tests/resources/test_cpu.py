"""[cpu] as changes: slices, irqbalance, running interrupts."""

from __future__ import annotations

import re
from typing import Any

import pytest

from backends.bootloader.state import BootEntry
from backends.steps import RemoveFile, Run, Step, WriteAttribute, WriteFile
from reconciler.context import Wishes
from reconciler.model import Claim
from reconciler.placement import interrupts, irqbalance, slices
from reconciler.resources.cpu import RESOURCE
from specs.record import replace
from specs.values import CpuSet
from tests.budget.hosts import codes
from tests.resources.bench import Bench
from tests.topology.maps import machine

CPU = {"isolated": "2-7,10-15", "reserved": "0-1,8-9"}
_CGROUP = "/sys/fs/cgroup/{}/cpuset.cpus"
_UNITS = ("init.scope", "system.slice", "user.slice")
_RELOAD = Run(("systemctl", "daemon-reload"), timeout=120.0, regenerates=True)


def systemd(files: dict[str, str], step: Step) -> None:
    """systemd 257: follows drop-ins of scopes on a reload, and gives slices the attribute only;
    never clears what is no longer set (issue 43846)."""
    if step == _RELOAD:
        for unit in _UNITS:
            text = files.get(f"/etc/systemd/system/{unit}.d/reconcile.conf", "")
            if match := re.search(r"AllowedCPUs=(\S+)", text):
                if unit.endswith(".scope"):
                    files[_CGROUP.format(unit)] = match[1] + "\n"
                else:
                    files.setdefault(_CGROUP.format(unit), "\n")


def bench(**kind: Any) -> Bench:
    return Bench(RESOURCE, systemd, **kind)


def test_slices_are_confined_once() -> None:
    host = bench()
    (change,) = host.apply(cpu={**CPU, "slices": True})
    assert change.id == "affinity:slices"
    assert [type(s) for s in change.steps] == [WriteFile] * 3 + [Run] + [WriteAttribute] * 3
    path = "/etc/systemd/system/system.slice.d/reconcile.conf"
    assert host.files[path].splitlines()[1:] == ["[Slice]", "AllowedCPUs=", "AllowedCPUs=0-1,8-9"]
    assert "[Scope]" in host.files["/etc/systemd/system/init.scope.d/reconcile.conf"]
    assert host.plan(cpu={**CPU, "slices": True}).changes == ()


def test_slices_are_set_free_again_even_where_systemd_forgets_to() -> None:
    host = bench()
    before = dict(host.files)
    host.apply(cpu={**CPU, "slices": True})
    (change,) = host.apply()
    assert [s for s in change.steps if isinstance(s, WriteAttribute)] == [
        WriteAttribute(_CGROUP.format(unit), "0-15\n", optional=True) for unit in _UNITS
    ]
    assert {_CGROUP.format(unit): host.files.pop(_CGROUP.format(unit)) for unit in _UNITS} == {
        _CGROUP.format(unit): "0-15\n" for unit in _UNITS
    }
    assert {path: before[path] for path in host.files} == host.files
    assert host.plan().changes == ()
    assert host.owned.sections == {}


def test_a_kill_before_the_cgroup_is_opened_is_not_forgotten() -> None:
    host = bench()
    host.apply(cpu={**CPU, "slices": True})
    (change,) = host.plan().changes
    for step in change.steps:
        if not isinstance(step, WriteAttribute):
            host.perform(step)
    host.owned = host.owned.with_claims(c for c in change.claims if c.value is not None)
    (left,) = host.plan().changes
    assert sum(isinstance(s, WriteAttribute) for s in left.steps) == 3


def test_a_cgroup_that_somebody_else_confines_stays_confined() -> None:
    vendor = "/usr/lib/systemd/system/system.slice.d/a.conf"
    host = bench(files={vendor: "[Slice]\nAllowedCPUs=0-7\n"})
    host.apply(cpu={**CPU, "slices": True})
    (change,) = host.plan().changes
    cleared = [s.path for s in change.steps if isinstance(s, WriteAttribute)]
    assert _CGROUP.format("system.slice") not in cleared


def test_a_slice_that_drifts_is_told_again() -> None:
    host = bench()
    host.apply(cpu={**CPU, "slices": True})
    host.files[_CGROUP.format("user.slice")] = "0-15\n"
    (change,) = host.apply(cpu={**CPU, "slices": True})
    assert change.steps[0] == _RELOAD
    assert host.files[_CGROUP.format("user.slice")] == "0-1,8-9\n"


def test_without_systemd_only_the_files_are_written() -> None:
    host = bench()
    del host.files["/run/systemd/system/x"]
    (change,) = host.apply(cpu={**CPU, "slices": True})
    assert {type(s) for s in change.steps} == {WriteFile}
    assert host.plan(cpu={**CPU, "slices": True}).changes == ()


def test_a_kill_between_file_and_telling_is_not_forgotten() -> None:
    host = bench(files=_IRQBALANCE)
    (change,) = _only(host, irqbalance.ID, cpu={**CPU, "irq_affinity": True})
    host.owned = host.owned.with_claims(c for c in change.claims if c.value is not None)
    for step in change.steps:
        if isinstance(step, WriteFile):
            host.perform(step)
    (left,) = _only(host, irqbalance.ID, cpu={**CPU, "irq_affinity": True})
    assert [s for s in left.steps if not isinstance(s, WriteFile)] == list(left.steps)
    assert len(left.steps) == 2


# -- irqbalance

_IRQBALANCE = {
    "/lib/systemd/system/irqbalance.service": "",
    "/etc/default/irqbalance": "IRQBALANCE_BANNED_CPULIST=1\n",
    "/sys/fs/cgroup/system.slice/irqbalance.service/cgroup.procs": "811\n",
}


def _only(host: Bench, change_id: str, **tables: Any) -> tuple[Any, ...]:
    return tuple(c for c in host.plan(**tables).changes if c.id == change_id)


def test_irqbalance_is_kept_off_all_but_the_reserved_cpus() -> None:
    host = bench(files=_IRQBALANCE)
    before = dict(host.files)
    wanted = {**CPU, "irq_affinity": True}
    host.apply(cpu=wanted)
    assert "IRQBALANCE_BANNED_CPULIST=1-7,10-15" in host.files["/etc/reconcile/irqbalance.env"]
    assert host.ran == [
        ("systemctl", "daemon-reload"),
        ("systemctl", "try-restart", "irqbalance.service"),
    ]
    assert host.plan(cpu=wanted).changes == ()
    host.apply()
    assert host.files == before
    assert len(host.ran) == 4


def test_without_irqbalance_there_is_nothing_to_tell() -> None:
    assert _only(bench(), irqbalance.ID, cpu={**CPU, "irq_affinity": True}) == ()


# -- running interrupts

_IRQS = {
    "/proc/irq/default_smp_affinity": "ffff\n",
    "/proc/irq/24/smp_affinity_list": "0-15\n",
    "/proc/irq/25/smp_affinity_list": "1\n",
    "/proc/irq/26/smp_affinity_list": "4-7\n",
}
IRQ = {**CPU, "irq_affinity": True}


def test_interrupts_are_moved_and_given_back() -> None:
    host = bench(files=_IRQS)
    (change,) = host.apply(cpu=IRQ)
    assert [(s.path, s.value) for s in change.steps if isinstance(s, WriteAttribute)] == [
        ("/proc/irq/default_smp_affinity", "00000303\n"),
        ("/proc/irq/24/smp_affinity_list", "0-1,8-9\n"),
        ("/proc/irq/26/smp_affinity_list", "0-1,8-9\n"),
    ]
    assert host.plan(cpu=IRQ).changes == ()
    host.apply()
    assert {p: host.files[p].strip() for p in _IRQS} == {
        "/proc/irq/default_smp_affinity": "0000ffff",
        "/proc/irq/24/smp_affinity_list": "0-15",
        "/proc/irq/25/smp_affinity_list": "1",
        "/proc/irq/26/smp_affinity_list": "4-7",
    }
    assert host.owned.sections == {}


def test_in_another_boot_there_is_nothing_to_give_back() -> None:
    host = bench(files=_IRQS)
    host.apply(cpu=IRQ)
    host.files["/proc/sys/kernel/random/boot_id"] = "two\n"
    (change,) = host.apply()
    assert change.steps == ()


def test_a_new_interrupt_elsewhere_is_moved_too_and_the_first_record_stays() -> None:
    host = bench(files=_IRQS)
    host.apply(cpu=IRQ)
    host.files["/proc/irq/30/smp_affinity_list"] = "5\n"
    host.apply(cpu=IRQ)
    record = host.owned.get(interrupts.SECTION, "running")
    assert record["before"] == {"24": "0-15", "26": "4-7", "30": "5"}
    assert record["default"] == "0-15"


def test_an_interrupt_that_an_old_kernel_keeps_is_tried_once_a_boot() -> None:
    def keeps(files: dict[str, str], step: Step) -> None:
        files["/proc/irq/26/smp_affinity_list"] = "4-7\n"

    host = Bench(RESOURCE, keeps, files={**_IRQS, "/proc/sys/kernel/osrelease": "6.1.0\n"})
    host.apply(cpu=IRQ)
    result = host.plan(cpu=IRQ)
    assert result.changes == ()
    assert "note irq-managed cpu.irq_affinity" in codes(result.findings)
    host.files["/proc/sys/kernel/random/boot_id"] = "two\n"
    assert _only(host, interrupts.ID, cpu=IRQ)


@pytest.mark.parametrize(("hint", "moved"), [("0", False), ("00c0", True)])
def test_after_a_boot_with_irqaffinity_only_what_drivers_asked_for_is_moved(
    hint: str, moved: bool
) -> None:
    files = {
        "/proc/sys/kernel/osrelease": "6.1.0\n",
        "/proc/cmdline": "quiet irqaffinity=0,1,8,9\n",
        "/proc/irq/default_smp_affinity": "0303\n",
        "/proc/irq/40/smp_affinity_list": "6-7\n",
        "/proc/irq/40/affinity_hint": f"{hint}\n",
    }
    host = bench(files=files)
    assert bool(_only(host, interrupts.ID, cpu=IRQ)) == moved


def test_an_interrupt_that_shows_to_be_fixed_is_never_tried() -> None:
    host = bench(files={**_IRQS, "/proc/irq/36/smp_affinity_list": "7\n"})
    change = next(c for c in interrupts.plan(_readonly(host)).changes)
    assert all("36" not in s.path for s in change.steps if isinstance(s, WriteAttribute))


def _readonly(host: Bench, number: int = 36) -> Any:
    ctx = host.context(cpu=IRQ)
    irqs = tuple(replace(i, fixed=i.number == number) for i in ctx.state.irq.irqs)
    return replace(ctx, state=replace(ctx.state, irq=replace(ctx.state.irq, irqs=irqs)))


def test_two_thousand_cpus_are_divided_once() -> None:
    """More than the 1,024 of a C library's cpu_set_t: lists and masks know no such limit."""
    wide = {"/proc/irq/default_smp_affinity": ",".join(["ffffffff"] * 64) + "\n"}
    wide["/proc/irq/24/smp_affinity_list"] = "0-2047\n"
    host = bench(files={**machine(nodes=8, cores=128, threads=2), **wide, **_IRQBALANCE})
    del host.files["/etc/default/irqbalance"]
    wanted = {"isolated": "16-1023,1040-2047", "irq_affinity": True, "slices": True}
    assert [w.arg for w in host.wishes(cpu=wanted).args] == [
        "isolcpus=domain,managed_irq,16-1023,1040-2047",
        "irqaffinity=0-15,1024-1039",
    ]
    host.apply(cpu=wanted)
    zeros = "00000000"
    mask = ",".join(["0000ffff", *[zeros] * 31, "0000ffff"])
    assert host.files["/proc/irq/default_smp_affinity"] == f"{mask}\n"
    assert host.files["/proc/irq/24/smp_affinity_list"] == "0-15,1024-1039\n"
    assert "BANNED_CPULIST=16-1023,1040-2047\n" in host.files["/etc/reconcile/irqbalance.env"]
    assert host.plan(cpu=wanted).changes == ()
    host.apply()
    assert host.owned.sections == {}


# -- arguments and findings


def test_arguments_keep_the_words_of_the_host() -> None:
    host = bench()
    assert [w.arg for w in host.wishes(cpu=IRQ).args] == [
        "isolcpus=domain,managed_irq,2-7,10-15",
        "irqaffinity=0-1,8-9",
    ]


@pytest.mark.parametrize(
    ("files", "tables", "expected"),
    [
        ({"/proc/sys/kernel/osrelease": "5.14.0\n"}, {}, []),
        (
            {"/etc/tuned/bootcmdline": "TUNED_BOOT_CMDLINE=isolcpus=2\n"},
            {"cpu": CPU},
            ["warn tuned-conflict cpu"],
        ),
        ({}, {"cpu": {"isolated": "0-15"}}, ["refuse cpu-no-housekeeping cpu.isolated"]),
    ],
)
def test_findings_come_with_the_plan(
    files: dict[str, str], tables: dict[str, Any], expected: list[str]
) -> None:
    assert codes(bench(files=files).plan(**tables).findings) == expected


def test_the_kernel_that_did_not_follow_is_told_of() -> None:
    arg = "isolcpus=domain,managed_irq,2-7,10-15"
    host = bench(files={"/proc/cmdline": f"quiet {arg}\n"})
    assert "warn isolation-not-effective cpu.isolated" in codes(host.plan(cpu=CPU).findings)
    host.files["/sys/devices/system/cpu/isolated"] = "2-3\n"
    (finding,) = host.plan(cpu=CPU).findings
    assert finding.message.startswith(f"the kernel got {arg} and did not follow it: it has 2-3;")
    host.files["/sys/devices/system/cpu/isolated"] = "2-7,10-15\n"
    assert host.plan(cpu=CPU).findings == ()


def test_a_tree_that_does_not_show_isolated_cpus_says_nothing_of_them() -> None:
    host = bench(files={"/proc/cmdline": "isolcpus=domain,managed_irq,2-7,10-15\n"})
    del host.files["/sys/devices/system/cpu/isolated"]
    assert host.plan(cpu=CPU).findings == ()


def test_that_nohz_full_leaves_out_the_boot_cpu_is_no_news() -> None:
    table = {"isolated": "2-3", "isolation": [], "reserved": "0-1", "nohz_full": "0-3"}
    host = bench(files={"/proc/cmdline": "quiet nohz_full=0-3\n"})
    host.files["/sys/devices/system/cpu/nohz_full"] = "1-3\n"
    assert "isolation-not-effective" not in str(codes(host.plan(cpu=table).findings))
    host.files["/sys/devices/system/cpu/nohz_full"] = "1\n"
    assert "warn isolation-not-effective cpu.nohz_full" in codes(host.plan(cpu=table).findings)


@pytest.mark.parametrize(
    ("line", "absent", "refused"),
    [
        ("isolcpus=2", [], True),
        ("isolcpus=2", ["isolcpus=2"], False),
        ("isolcpus=2", ["isolcpus"], False),
        ("isolcpus=2", ["isolcpus=3"], True),
        ("isolcpus=domain,managed_irq,10-15,2-7", [], False),
        ("nohz_full=2", [], False),
    ],
)
def test_an_argument_of_somebody_else_is_in_the_way_unless_it_is_to_go(
    line: str, absent: list[str], refused: bool
) -> None:
    host = bench(files={"/proc/cmdline": "quiet\n"})
    ctx = host.context(cpu=CPU, boot={"absent_kernel_args": absent})
    boot = replace(ctx.state.boot, configured=("quiet", line))
    result = RESOURCE.plan(replace(ctx, state=replace(ctx.state, boot=boot)), Wishes())
    assert ("refuse kernel-arg-conflict cpu.isolated" in codes(result.findings)) == refused


def test_an_argument_that_tuned_has_put_there_is_taken_away_by_tuned() -> None:
    """With GRUB it stands in a variable, and in each entry."""
    files = {"/etc/tuned/bootcmdline": "TUNED_BOOT_CMDLINE=isolcpus=2\n"}
    ctx = bench(files=files).context(cpu=CPU)
    entry = BootEntry("1", "Debian", ("quiet", "isolcpus=2"), "normal")
    boot = replace(ctx.state.boot, configured=("quiet", "$tuned_params"), entries=(entry,))
    result = RESOURCE.plan(replace(ctx, state=replace(ctx.state, boot=boot)), Wishes())
    (finding,) = [f for f in result.findings if f.code == "kernel-arg-conflict"]
    assert finding.hint.startswith("TuneD puts it there")


def test_nothing_declared_is_nothing_planned() -> None:
    result = bench(files={**_IRQS, **_IRQBALANCE}).plan()
    assert (result.changes, result.findings) == ((), ())


def test_giving_back_puts_an_earlier_file_back() -> None:
    path = slices.PATHS[0]
    host = bench(files={path: "[Scope]\nCPUWeight=5\n"})
    host.apply(cpu={**CPU, "slices": True})
    (change,) = host.apply()
    assert WriteFile(path, b"[Scope]\nCPUWeight=5\n") in change.steps
    assert sum(isinstance(step, RemoveFile) for step in change.steps) == 2
    assert host.files[path] == "[Scope]\nCPUWeight=5\n"


def test_an_interrupt_that_the_kernel_has_taken_over_is_not_given_back() -> None:
    host = bench(files=_IRQS)
    host.apply(cpu=IRQ)
    nothing_wanted = replace(_readonly(host, 24), spec=host.context().spec)
    (change,) = interrupts.plan(nothing_wanted).changes
    written = [s.path for s in change.steps if isinstance(s, WriteAttribute)]
    assert "/proc/irq/26/smp_affinity_list" in written
    assert "/proc/irq/24/smp_affinity_list" not in written


def test_claims_are_plain_json() -> None:
    host = bench(files={**_IRQS, **_IRQBALANCE})
    changes = host.apply(cpu={**IRQ, "slices": True})
    assert all(isinstance(c, Claim) for change in changes for c in change.claims)
    assert host.owned.to_bytes()
    assert CpuSet.parse(host.owned.get(interrupts.SECTION, "running")["cpus"])
