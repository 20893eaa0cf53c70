"""Findings about pins, nodes and hugepages of VMs."""

from __future__ import annotations

from typing import Any

from backends.topology.cpu import observe_cpus
from backends.topology.memory import observe_memory
from reconciler.budget.board import Board
from reconciler.budget.demand import Present, demand, standing
from reconciler.budget.host_memory import host_memory_findings, memory_left_kib
from reconciler.budget.page_demand import demand_findings, supply
from reconciler.budget.pages import targets
from reconciler.budget.sets import cpu_sets
from reconciler.budget.vm_checks import vm_findings
from reconciler.model import Finding
from specs.hugepages import Hugepages
from specs.record import replace
from specs.values import CpuSet, PageSize
from specs.vm import Vm
from tests.budget.hosts import GIB, asked, board, codes, cpu_table, host, pages_table, vm
from tests.topology.maps import CPU, MapReader, machine

ISOLATED, RESERVED = "2-7,10-15", "0-1,8-9"


UNUSED = "isolated-unused"


def found(*vms: Vm, isolated: str = ISOLATED, **nodes: int) -> list[Finding]:
    """Findings about pins, but for isolated CPUs without a VM."""
    here = board(isolated, RESERVED if isolated else "")
    return [f for f in vm_findings(asked(*vms, **nodes), here) if f.code != UNUSED]


def test_good_pins_have_no_findings() -> None:
    tune = {"emulatorpin": "0-1", "iothreadpin": ["8"]}
    memory = {"numatune": {"nodeset": "0"}}
    good = vm("a", ["2", "10"], cputune=tune, memory=memory, devices=["gpu"])
    assert found(good, vm("b", ["5", "13"]), gpu=0) == []


def test_pins_beyond_the_last_cpu_or_offline() -> None:
    (finding,) = found(vm("a", ["2", "10,99"]))
    assert codes([finding]) == ["refuse cpu-out-of-range vm[0].cputune.vcpupin[1]"]
    assert finding.hint == 'write "10"'
    reader = MapReader(machine() | {f"{CPU}/online": "0-14\n"})
    cpus = observe_cpus(reader)
    offline = Board(cpu_sets(cpu_table(), cpus), CpuSet(), cpus, observe_memory(reader))
    findings = vm_findings(asked(vm("a", ["15"])), offline)
    assert codes(findings) == ["warn cpu-offline vm[0].cputune.vcpupin[0]"]


def test_pins_outside_the_isolated_set_come_with_better_ones() -> None:
    (finding,) = found(vm("a", ["0", "10"], devices=["gpu"]), gpu=0)
    assert codes([finding]) == ["warn pin-outside-isolated vm[0].cputune.vcpupin"]
    assert finding.message == "a is pinned to CPU 0, outside the isolated 2-7,10-15"
    assert finding.hint == 'write vcpupin = ["2", "10"]'


def test_two_vms_on_one_cpu() -> None:
    findings = found(vm("a", ["2", "10"]), vm("b", ["10", "3"]))
    assert codes(findings)[0] == "warn pin-overlap vm[1].cputune.vcpupin"
    assert findings[0].message == "a and b are both pinned to CPU 10"


def test_one_vm_twice_on_one_cpu_and_qemu_among_the_vcpus() -> None:
    findings = found(vm("a", ["2", "2"], cputune={"emulatorpin": "1-2"}))
    assert codes(findings) == [
        "warn pin-overlap vm[0].cputune.vcpupin[1]",
        "note pin-overlap vm[0].cputune.emulatorpin",
    ]
    assert findings[1].hint == 'write "1"'


def test_floating_over_a_set_is_no_overlap_but_nothing_balances_there() -> None:
    (finding,) = found(vm("a", ["2-3,10-11", "2-3,10-11"]))
    assert codes([finding]) == ["warn unpinned vm[0].cputune.vcpupin"]
    assert finding.message == (
        "2 of the vCPUs of a may float over the isolated 2-3,10-11, where the scheduler does not "
        "balance: they can end up on one CPU together"
    )
    assert finding.hint == 'write vcpupin = ["2", "10"]'
    balanced = replace(board(ISOLATED, RESERVED), balanced=True)
    floating = vm_findings(asked(vm("a", ["2-3,10-11", "2-3,10-11"])), balanced)
    assert codes(floating) == ["note isolated-unused cpu.isolated"]


def test_qemu_of_one_vm_among_the_vcpus_of_another() -> None:
    loud = vm("b", ["3", "11"], cputune={"iothreadpin": ["0-2"], "emulatorpin": "10"})
    findings = found(vm("a", ["2", "10"]), loud)
    assert codes(findings) == [
        "warn pin-overlap vm[1].cputune.emulatorpin",
        "warn pin-overlap vm[1].cputune.iothreadpin[0]",
    ]
    assert findings[0].hint == "pin them to reserved CPUs"
    assert findings[1].message == "QEMU's own threads of b share CPU 2 with vCPUs of a"
    assert findings[1].hint == 'write "0-1"'


def test_two_vms_on_the_threads_of_one_core() -> None:
    findings = found(vm("a", ["2"]), vm("b", ["10"]), vm("c", ["3", "11"]))
    assert codes(findings) == ["warn smt-split vm[1].cputune.vcpupin"]
    assert "share cores: CPUs 2,10 are their threads" in findings[0].message


def test_a_vm_that_floats_while_cpus_are_isolated() -> None:
    (finding,) = found(vm("a", vcpu=2, devices=["gpu"]), gpu=1)
    assert codes([finding]) == ["warn unpinned vm[0].cputune"]
    assert finding.hint == 'write vcpupin = ["4", "12"]'
    assert found(vm("a", vcpu=2), isolated="") == []


def test_where_the_scheduler_balances_floating_means_the_hosts_cpus_too() -> None:
    for balanced, why in ((False, "crowd on the other CPUs"), (True, "on the host's CPUs as well")):
        here = replace(board(ISOLATED, RESERVED), balanced=balanced)
        (finding,) = vm_findings(asked(vm("a", vcpu=2)), here)
        assert finding.message.endswith(why)


def test_suggestions_leave_the_cpus_of_other_vms_alone() -> None:
    findings = found(vm("a", ["2", "10"]), vm("b", vcpu=2, devices=["gpu"]), gpu=0)
    assert [f.hint for f in findings] == ['write vcpupin = ["3", "11"]']


def test_what_several_vms_are_advised_can_be_written_down_together() -> None:
    many = [vm(f"vm{i}", vcpu=4, devices=["gpu"]) for i in range(4)]
    hints = [f.hint for f in found(*many, gpu=0)]
    assert hints == [
        'write vcpupin = ["2", "10", "3", "11"]',
        'write vcpupin = ["4", "12", "5", "13"]',
        'write vcpupin = ["6", "14", "7", "15"]',
        "",
    ]


def test_more_vcpus_than_isolated_cpus() -> None:
    alone = found(vm("a", vcpu=13))
    assert "warn vm-exceeds-cpus vm[0].vcpu" in codes(alone)
    both = [vm(n, vcpu=7, autostart=True) for n in ("a", "b")]
    (finding,) = [f for f in found(*both) if f.code == "vm-exceeds-cpus"]
    assert finding.where == "vm[1].vcpu"
    assert finding.message == (
        "a, b start with the host and have 14 vCPUs; CPUs 2-7,10-15 are isolated, 12 in all"
    )
    assert not [f for f in found(*both, isolated="") if f.code == "vm-exceeds-cpus"]
    assert not [f for f in found(both[0], vm("b", vcpu=7)) if f.code == "vm-exceeds-cpus"]


def test_isolated_cpus_for_nobody() -> None:
    (unused,) = unused_by(vm("a", ["2", "10", "3", "11", "4", "12", "5", "13"]))
    assert unused.severity.value == "note"
    assert unused.message.startswith("no VM of the spec is pinned to isolated CPUs 6-7,14-15")
    assert unused.hint == 'write isolated = "2-5,10-13", or pin a VM there'
    assert not unused_by(vm("a", ["2", "10"]), vm("b"))
    every = [str(cpu) for cpu in CpuSet.parse(ISOLATED)]
    assert not unused_by(vm("a", every))
    with_threads = {"iothreadpin": ["14-15"], "emulatorpin": "6-7"}
    pins = ["2", "10", "3", "11", "4", "12", "5", "13"]
    assert not unused_by(vm("a", pins, cputune=with_threads))


def unused_by(*vms: Vm) -> list[Finding]:
    """Like ``found``, of ``isolated-unused`` only."""
    return [f for f in vm_findings(asked(*vms), board(ISOLATED, RESERVED)) if f.code == UNUSED]


def test_domains_that_the_spec_does_not_name_keep_their_cpus() -> None:
    db = standing("db", Present(vcpus=2, vcpupin=(CpuSet((2,)), CpuSet((3,)))))
    here = board(ISOLATED, RESERVED)
    findings = list(vm_findings(asked(vm("a", ["2", "10"]), vm("b", vcpu=2)), here, [db]))
    told = {f.code: f for f in findings}
    assert told["unpinned"].hint == 'write vcpupin = ["4", "12"]'
    assert told["pin-overlap"].message == "db and a are both pinned to CPU 2"
    assert told["pin-overlap"].where == "vm[0].cputune.vcpupin"
    assert told["pin-overlap"].hint.startswith('write vcpupin = ["5", "13"]')
    (split,) = [f for f in vm_findings(asked(vm("a", ["11"])), here, [db]) if f.code == "smt-split"]
    assert split.where == "vm[0].cputune.vcpupin"


def test_without_a_number_of_vcpus_the_number_is_asked_for() -> None:
    (finding,) = found(vm("a"))
    assert finding.hint.startswith("write vcpu = N")


def test_two_vms_on_one_cpu_get_others() -> None:
    findings = found(vm("a", ["2", "10"]), vm("b", ["2", "10"]))
    assert codes(findings) == ["warn pin-overlap vm[1].cputune.vcpupin"]
    assert findings[0].hint.startswith('write vcpupin = ["3", "11"], unless')


def test_a_vm_whose_last_vcpus_float() -> None:
    (finding,) = found(vm("a", ["2", "10"], vcpu=4))
    assert finding.message.startswith("from vCPU 2 on a is not pinned, while CPUs 2-7,10-15 are")


def test_device_vcpus_and_memory_on_different_nodes() -> None:
    remote = vm("a", ["2", "10"], devices=["gpu"], memory={"numatune": {"nodeset": "0"}})
    (finding,) = found(remote, gpu=1)
    assert codes([finding]) == ["warn numa-remote vm[0]"]
    assert finding.message == (
        "a: device gpu is on node 1, its vCPUs on node 0 (distance 21); "
        "device gpu is on node 1, its memory on node 0 (distance 21)"
    )
    numatune = 'numatune = { mode = "strict", nodeset = "1" }'
    assert finding.hint == f'write vcpupin = ["4", "12"] and {numatune}'


def test_memory_away_from_a_device_that_its_vcpus_are_near() -> None:
    near = vm("a", ["4", "12"], devices=["gpu"], memory={"numatune": {"nodeset": "0"}})
    (finding,) = found(near, gpu=1)
    assert finding.hint == 'write numatune = { mode = "strict", nodeset = "1" }'


def test_devices_of_two_nodes_cannot_be_put_right_by_pins() -> None:
    (finding,) = found(vm("a", ["2", "10"], devices=["gpu", "nic"]), gpu=0, nic=1)
    assert finding.message == "a: device nic is on node 1, its vCPUs on node 0 (distance 21)"
    assert finding.hint.startswith("no node is near to all of them: take devices of one node")


def test_a_node_without_free_cpus_is_named_instead_of_remote_pins() -> None:
    holder = vm("b", ["4", "12", "5", "13", "6", "14", "7", "15"])
    (finding,) = found(vm("a", ["2", "10"], devices=["gpu"]), holder, gpu=1)
    assert finding.hint == "write vcpupin with CPUs of node 1"


def on_pages(*nodes: int, **keys: Any) -> list[Finding]:
    """A VM on node 0 with huge pages that only these nodes have."""
    pages = pages_table(*({"size": "1G", "count": 16, "node": n} for n in nodes))
    here = replace(board(ISOLATED, RESERVED), pages=targets(pages))
    given = asked(big("a", cputune={"vcpupin": ["2", "10"]}, **keys), gpu=0)
    return [f for f in vm_findings(given, here) if f.code != UNUSED]


def test_huge_pages_of_another_node_are_remote_memory() -> None:
    (finding,) = on_pages(1)
    assert finding.message == "a: its vCPUs are on node 0, its huge pages on node 1 (distance 21)"
    assert finding.hint == 'write vcpupin = ["4", "12"]'
    (finding,) = on_pages(1, devices=["gpu"])
    assert finding.hint == "write node = 0 in [[hugepages.pages]]"
    assert on_pages(0, 1) == []


def test_memory_of_a_node_that_is_not_there() -> None:
    (finding,) = found(vm("a", ["2", "10"], memory={"numatune": {"nodeset": "0,7"}}))
    assert codes([finding]) == ["refuse vm-numa-node vm[0].memory.numatune"]
    assert finding.message == "a wants memory of node 7; this host has memory on node 0, 1"
    assert finding.hint == 'write nodeset = "0"'


def test_memory_away_from_the_vcpus() -> None:
    (finding,) = found(vm("a", ["2", "10"], memory={"numatune": {"nodeset": "1"}}))
    assert finding.message == "a: its vCPUs are on node 0, its memory on node 1 (distance 21)"


def test_memory_of_a_floating_vm_away_from_its_device() -> None:
    floating = vm("a", devices=["gpu"], memory={"numatune": {"nodeset": "0"}})
    (finding,) = found(floating, isolated="", gpu=1)
    assert finding.hint == 'write numatune = { mode = "strict", nodeset = "1" }'


def test_a_vm_over_both_nodes_is_at_home_on_both() -> None:
    both = vm("a", ["2", "4"], devices=["gpu"], memory={"numatune": {"nodeset": "0-1"}})
    assert found(both, gpu=1) == []


def test_what_the_spec_leaves_alone_is_taken_from_the_domain() -> None:
    has = Present(vcpus=4, vcpupin=(CpuSet((2,)),), memory_kib=2048, page_kib=2048)
    one = demand(0, vm("a"), {}, has)
    assert (one.vcpus, one.pinned, one.pages) == (4, CpuSet((2,)), 1)


def test_many_vms_are_no_work() -> None:
    large = board("16-2047", "0-15", nodes=8, cores=128, threads=2)
    many = [vm(f"vm{i}", [str(cpu) for cpu in range(16 + i, 32 + i)]) for i in range(60)]
    assert list(vm_findings(asked(*many), large))


# -- memory


def plain(name: str, size: str, **keys: Any) -> Vm:
    return vm(name, memory={"size": size}, **keys)


def memory_codes(*vms: Vm, count: int = 64) -> list[str]:
    _, memory = host()
    wanted = targets(pages_table({"size": "1G", "count": count}))
    return codes(host_memory_findings(asked(*vms), wanted, memory))


def test_vms_in_ordinary_memory_against_what_pages_and_host_leave() -> None:
    assert memory_left_kib((), host()[1]) == 128 * GIB - 128 * GIB // 10
    large, larger = plain("a", "30G", autostart=True), plain("b", "60G")
    assert memory_codes(large, plain("b", "20G", autostart=True)) == []
    assert memory_codes(large, larger) == ["warn vm-exceeds-memory vm[1].memory"]
    together = memory_codes(large, plain("b", "30G", autostart=True))
    assert together == ["warn vm-exceeds-memory vm[1].memory"]
    assert memory_codes(plain("a", "1G"), count=128) == ["warn vm-exceeds-memory vm[0].memory"]
    nothing = observe_memory(MapReader({}))
    assert not list(host_memory_findings(asked(larger), (), nothing))


def test_a_device_pins_all_of_the_memory() -> None:
    _, memory = host()
    (finding,) = host_memory_findings(asked(plain("a", "120G", devices=["gpu"])), (), memory)
    assert (
        finding.message
        == "a has 120G; huge pages and the host leave 115.2G; a device pins all of it"
    )


# -- hugepages


def pages(*vms: Vm, table: Hugepages | None = None) -> list[Finding]:
    _, memory = host()
    wanted = targets(table or pages_table({"size": "1G", "count": 16}))
    return list(demand_findings(asked(*vms), wanted, memory))


def big(name: str, size: str = "16G", node: str | None = None, **keys: Any) -> Vm:
    memory: dict[str, object] = {"size": size, "hugepages": "1G"}
    if node is not None:
        memory["numatune"] = {"mode": "strict", "nodeset": node}
    return vm(name, memory=memory, **keys)


def test_a_vm_that_fits_and_one_that_never_will() -> None:
    assert pages(big("a")) == []
    (finding,) = pages(big("a", "17G"))
    assert codes([finding]) == ["refuse vm-exceeds-hugepages vm[0].memory"]
    assert finding.message == "a needs 17 huge pages of 1G for its 17G; there are 16"
    assert finding.hint == "write count = 17 for size 1G in [[hugepages.pages]]"


def test_pages_that_nobody_declared() -> None:
    (finding,) = pages(vm("a", memory={"size": "4M", "hugepages": "2M"}))
    assert finding.message.endswith("there are none")


def test_vms_that_start_with_the_host_need_room_together() -> None:
    (finding,) = pages(big("a", "9G", autostart=True), big("b", "9G", autostart=True))
    assert codes([finding]) == ["refuse vm-exceeds-hugepages vm[1].memory"]
    assert "a, b start with the host and need 18 huge pages of 1G together" in finding.message


def test_vms_that_may_take_turns_only_warn() -> None:
    (finding,) = pages(big("a", "9G", autostart=True), big("b", "9G"))
    assert codes([finding]) == ["warn vm-exceeds-hugepages vm[1].memory"]


def test_pages_that_a_domain_of_others_takes_at_the_start_of_the_host() -> None:
    _, memory = host()
    wanted = targets(pages_table({"size": "1G", "count": 16}))
    db = standing("db", Present(memory_kib=9 * GIB, page_kib=GIB, autostart=True))
    started = asked(big("a", "9G", autostart=True))
    (finding,) = demand_findings(started, wanted, memory, [db])
    assert codes([finding]) == ["warn vm-exceeds-hugepages vm[0].memory"]
    assert "db, a start with the host and need 18 huge pages" in finding.message
    for vms, others in (
        (asked(big("a", "9G")), [db]),
        (asked(big("a", "7G", autostart=True)), [db]),
        (started, [replace(db, autostart=False)]),
        (started, [replace(db, page=PageSize.parse("2M"))]),
    ):
        assert not list(demand_findings(vms, wanted, memory, others))


def test_pages_of_the_node_that_the_memory_must_come_from() -> None:
    table = pages_table(*({"size": "1G", "count": 8, "node": n} for n in (0, 1)))
    assert pages(big("a", node="0-1"), table=table) == []
    (finding,) = pages(big("a", node="1"), table=table)
    assert finding.message.endswith("there are 8 on node 1")
    findings = pages(
        big("a", "5G", "0", autostart=True), big("b", "5G", "0", autostart=True), table=table
    )
    assert codes(findings) == ["refuse vm-exceeds-hugepages vm[1].memory"]
    assert "1G on node 0 together" in findings[0].message


def test_pages_without_a_node_are_spread() -> None:
    _, memory = host()
    wanted = targets(pages_table({"size": "1G", "count": 16}))
    assert supply(PageSize.parse("1G"), wanted, memory, node=1) == 8
    assert supply(PageSize.parse("2M"), wanted, memory) == 0


def test_an_undeclared_pool_counts_as_it_is() -> None:
    files = machine()
    files["/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"] = "7\n"
    memory = observe_memory(MapReader(files))
    assert supply(PageSize.parse("2M"), (), memory) == 7
