"""[hugepages] as changes: pools and mounts."""

from __future__ import annotations

import re
from typing import Any

import pytest

from backends.steps import Run, Step, WriteAttribute
from reconciler.hugepages import mounts
from reconciler.resources.hugepages import RESOURCE, TMPFILES
from tests.budget.hosts import GIB, codes
from tests.resources.bench import Bench, refusals
from tests.topology.maps import NODES

POOL = "/sys/kernel/mm/hugepages/hugepages-{}kB/"
TOTAL = POOL.format(2048) + "nr_hugepages"
_ATTRIBUTE = re.compile(r"(.*/hugepages-\d+kB/)nr_hugepages")


def kernel(files: dict[str, str], step: Step) -> None:
    """All new pages are free; a start of a mount unit mounts it."""
    if isinstance(step, WriteAttribute) and (match := _ATTRIBUTE.match(step.path)):
        files[match[1] + "free_hugepages"] = step.value
    if isinstance(step, Run) and step.argv[:2] == ("systemctl", "start"):
        unit = files[f"/etc/systemd/system/{step.argv[2]}"]
        where = re.findall(r"^Where=(.*)$", unit, re.MULTILINE)[0]
        size = re.findall(r"^Options=pagesize=(.*)$", unit, re.MULTILINE)[0]
        files["/proc/mounts"] += f"hugetlbfs {where} hugetlbfs rw,pagesize={size} 0 0\n"
    if isinstance(step, Run) and step.argv[:2] == ("systemctl", "stop"):
        lines = files["/proc/mounts"].splitlines(keepends=True)
        files["/proc/mounts"] = "".join(line for line in lines if "/dev/reconcile" not in line)


def bench(files: dict[str, str] | None = None, react: Any = kernel) -> Bench:
    plain = {"/proc/mounts": "hugetlbfs /dev/hugepages hugetlbfs rw,pagesize=2M 0 0\n"}
    return Bench(RESOURCE, react, files={**plain, **(files or {})})


def pages(*pools: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return {"hugepages": {"pages": list(pools), **keys}}


SMALL = {"size": "2M", "count": 512}


def test_growth_goes_in_quarters_with_compaction() -> None:
    (change,) = bench().plan(**pages(SMALL)).changes
    assert [(s.path, s.value) for s in change.steps if isinstance(s, WriteAttribute)] == [
        (path, value)
        for count in (128, 256, 384, 512)
        for path, value in (("/proc/sys/vm/compact_memory", "1\n"), (TOTAL, f"{count}\n"))
    ]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7])
def test_small_growth_ends_at_the_count(count: int) -> None:
    (change,) = bench().plan(**pages({"size": "2M", "count": count})).changes
    values = [
        int(s.value) for s in change.steps if isinstance(s, WriteAttribute) and s.path == TOTAL
    ]
    assert values == sorted(set(values))
    assert values[-1] == count


def test_applied_once_kept_and_given_back() -> None:
    host = bench({TOTAL: "64\n", POOL.format(2048) + "free_hugepages": "64\n"})
    host.apply(**pages(SMALL))
    assert host.files[TOTAL] == "512\n"
    assert host.plan(**pages(SMALL)).changes == ()
    host.apply(**pages({"size": "2M", "count": 100}))
    assert host.files[TOTAL] == "100\n"
    host.apply()
    assert host.files[TOTAL] == "64\n"
    assert host.owned.sections == {}


def spread(files: dict[str, str], step: Step) -> None:
    """The pool of the host and those of its two nodes are the same pages."""
    kernel(files, step)
    if not isinstance(step, WriteAttribute) or "hugepages-2048kB" not in step.path:
        return
    nodes = [NODE.format(n) for n in range(2)]
    if step.path == TOTAL:
        for number, path in enumerate(nodes):
            files[path] = f"{(int(step.value) + 1 - number) // 2}\n"
    files[TOTAL] = f"{sum(int(files[path]) for path in nodes)}\n"
    for path in (*nodes, TOTAL):
        files[path.replace("nr_", "free_")] = files[path]


NODE = "/sys/devices/system/node/node{}/hugepages/hugepages-2048kB/nr_hugepages"


def test_a_size_counted_per_node_and_then_for_the_whole_host_is_the_same_pages() -> None:
    host = bench(dict.fromkeys(_both(NODE.format(0)), "8\n"), spread)
    host.files |= dict.fromkeys(_both(TOTAL), "8\n")
    by_node, whole = (
        pages({"size": "2M", "count": 64, "node": 1}),
        pages({"size": "2M", "count": 32}),
    )
    host.apply(**by_node)
    assert host.files[TOTAL] == "72\n"
    host.apply(**whole)
    assert host.files[TOTAL] == "32\n"
    assert host.plan(**whole).changes == ()
    host.apply(**by_node)
    assert [host.files[NODE.format(n)] for n in range(2)] == ["4\n", "64\n"]
    assert host.plan(**by_node).changes == ()
    host.apply()
    assert host.files[TOTAL] == "8\n"
    assert host.owned.sections == {}


def _both(path: str) -> tuple[str, str]:
    return path, path.replace("nr_", "free_")


def test_in_a_tree_of_plain_files_no_counter_follows_and_nothing_is_in_use() -> None:
    """Pages that we have added are not taken for used ones, those that were used before are."""
    host = bench({TOTAL: "8\n", POOL.format(2048) + "free_hugepages": "6\n"}, react=_nothing)
    host.tree = True
    host.apply(**pages(SMALL))
    host.apply(**pages({"size": "2M", "count": 100}))
    (finding,) = refusals(host.plan(**pages({"size": "2M", "count": 1})))
    assert finding.message.startswith("2 pages of 2M are in use")
    host.apply()
    assert host.files[TOTAL] == "8\n"
    live = bench({TOTAL: "8\n", POOL.format(2048) + "free_hugepages": "6\n"}, react=_nothing)
    live.owned = live.owned.__class__({"hugepages": {"2M": {"before": 1, "free": 6}}})
    assert codes(refusals(live.plan())) == ["refuse hugepages-in-use hugepages"]


def _nothing(files: dict[str, str], step: Step) -> None:
    """No kernel: what is written is all that changes."""


def test_a_pool_of_one_node_is_sized_there() -> None:
    host = bench()
    host.apply(**pages({**SMALL, "node": 1}))
    assert host.files[f"{NODES}/node1/hugepages/hugepages-2048kB/nr_hugepages"] == "512\n"
    assert host.files[TOTAL] == "0\n"


def test_what_the_kernel_grants_short_is_not_verified() -> None:
    def short(files: dict[str, str], step: Step) -> None:
        if isinstance(step, WriteAttribute) and step.path == TOTAL:
            files[TOTAL] = f"{min(int(step.value), 200)}\n"

    with pytest.raises(AssertionError, match="not verified"):
        bench(react=short).apply(**pages(SMALL))


def test_pages_in_use_are_not_taken_away() -> None:
    host = bench({TOTAL: "64\n", POOL.format(2048) + "free_hugepages": "20\n"})
    (finding,) = refusals(host.plan(**pages({"size": "2M", "count": 40})))
    assert codes([finding]) == ["refuse hugepages-in-use hugepages.pages[0]"]
    assert finding.message == "44 pages of 2M are in use, more than the 40 that are to stay"
    host.apply(**pages({"size": "2M", "count": 48}))
    host.files[POOL.format(2048) + "free_hugepages"] = "0\n"
    host.owned = host.owned.__class__({"hugepages": {"2M": {"before": 10}}})
    assert codes(refusals(host.plan())) == ["refuse hugepages-in-use hugepages"]


def test_growth_that_memory_cannot_give_now_is_refused_with_a_way_out() -> None:
    info = f"MemTotal: {128 * GIB} kB\nMemAvailable: {10 * GIB} kB\nHugepagesize: 2048 kB\n"
    result = bench({"/proc/meminfo": info}).plan(**pages({"size": "2M", "count": 10240}))
    (finding,) = refusals(result)
    assert finding.message == "growing the pool of 2M now takes 20G; 3.6G are free"
    assert finding.hint.startswith("write boot = true")
    assert result.changes == ()


def test_growth_that_one_node_cannot_give_now_is_refused_too() -> None:
    node = f"Node 1 MemTotal: {64 * GIB} kB\nNode 1 MemFree: {5 * GIB} kB\n"
    host = bench({f"{NODES}/node1/meminfo": node + f"Node 1 Inactive(file): {GIB} kB\n"})
    (finding,) = refusals(host.plan(**pages({"size": "2M", "count": 2048, "node": 1})))
    assert finding.message == "growing the pool of 2M on node 1 now takes 4G; 2.8G are free"
    assert host.plan(**pages({"size": "2M", "count": 1024, "node": 1})).changes


def test_a_node_is_not_shrunk_below_what_is_promised_to_somebody() -> None:
    base = POOL.format(2048)
    own = f"{NODES}/node1/hugepages/hugepages-2048kB/"
    host = bench({TOTAL: "64\n", base + "free_hugepages": "64\n", base + "resv_hugepages": "50\n"})
    host.files |= {own + "nr_hugepages": "40\n", own + "free_hugepages": "40\n"}
    (finding,) = refusals(host.plan(**pages({"size": "2M", "count": 20, "node": 1})))
    assert finding.message == "50 pages of 2M are in use, more than the 44 that are to stay"
    assert host.plan(**pages({"size": "2M", "count": 30, "node": 1})).changes


def test_pages_at_boot_wait_for_the_reboot() -> None:
    host = bench()
    table = pages({"size": "1G", "count": 4, "boot": True})
    assert [w.arg for w in host.wishes(**table).args] == ["hugepagesz=1G", "hugepages=4"]
    assert [c.id for c in host.plan(**table).changes if "mount" not in c.id] == []


def test_a_boot_that_gave_too_few_is_told_of_and_mended() -> None:
    host = bench({"/proc/cmdline": "quiet hugepagesz=1G hugepages=4\n"})
    host.files[POOL.format(1048576) + "nr_hugepages"] = "3\n"
    result = host.plan(**pages({"size": "1G", "count": 4}))
    assert "warn hugepages-short hugepages.pages[0]" in codes(result.findings)
    assert "hugepages:1G" in [c.id for c in result.changes]


def test_a_boot_that_gave_too_few_holds_nothing_up_where_memory_is_gone() -> None:
    info = f"MemTotal: {128 * GIB} kB\nMemAvailable: {7 * GIB} kB\nHugepagesize: 2048 kB\n"
    host = bench({"/proc/cmdline": "hugepagesz=1G hugepages=100\n", "/proc/meminfo": info})
    host.files[POOL.format(1048576) + "nr_hugepages"] = "90\n"
    result = host.plan(**pages({"size": "1G", "count": 100}))
    assert codes(result.findings) == ["warn hugepages-short hugepages.pages[0]"]
    assert "hugepages:1G" not in [c.id for c in result.changes]


def test_pools_without_an_argument_come_back_by_tmpfiles() -> None:
    host = bench()
    wishes = host.wishes(**pages(SMALL, {"size": "1G", "count": 2, "node": 1, "boot": False}))
    text = next(w.content.decode() for w in wishes.files if w.path == TMPFILES)
    assert text.splitlines()[1:] == [
        f"w! {TOTAL} - - - - 512",
        f"w! {NODES}/node1/hugepages/hugepages-1048576kB/nr_hugepages - - - - 2",
    ]
    assert wishes.args == ()


def test_nodes_at_boot_on_an_old_kernel_come_by_tmpfiles_too() -> None:
    host = bench({"/proc/sys/kernel/osrelease": "5.15.0\n"})
    wishes = host.wishes(**pages({"size": "1G", "count": 2, "node": 1}))
    assert wishes.args == ()
    assert TMPFILES in [w.path for w in wishes.files]


def test_other_sizes_than_the_default_get_a_mount_and_libvirt_hears_of_it() -> None:
    running = "/sys/fs/cgroup/system.slice/libvirtd.service/cgroup.procs"
    host = bench({running: "4\n"})
    table = pages({"size": "1G", "count": 1, "boot": False}, SMALL)
    host.put(host.wishes(**table).files)
    host.apply(**table)
    unit = "dev-reconcile-hugepages1G.mount"
    assert host.ran == [
        ("systemctl", "daemon-reload"),
        ("systemctl", "start", unit),
        ("systemctl", "try-restart", "libvirtd.service"),
    ]
    assert "Where=/dev/reconcile/hugepages1G" in host.files[f"/etc/systemd/system/{unit}"]
    drop_in = host.files["/etc/systemd/system/local-fs.target.d/reconcile-hugepages.conf"]
    assert f"Wants={unit}\n" in drop_in
    assert host.plan(**table).changes == ()


def test_a_mount_goes_with_its_pool() -> None:
    host = bench()
    table = pages({"size": "1G", "count": 1, "boot": False})
    host.put(host.wishes(**table).files)
    host.apply(**table)
    path = "/etc/systemd/system/dev-reconcile-hugepages1G.mount"
    host.owned = host.owned.__class__({**host.owned.sections, "files": {path: _RECORD}})
    host.apply()
    assert ("systemctl", "stop", "dev-reconcile-hugepages1G.mount") in host.ran
    assert "/dev/reconcile" not in host.files["/proc/mounts"]


_RECORD: dict[str, Any] = {"before": None, "mode": "0644", "after_sha256": "", "folders": []}


@pytest.mark.parametrize(
    ("mounted", "keys", "needed"),
    [
        ("hugetlbfs /mnt/x hugetlbfs rw,pagesize=1G 0 0\n", {}, False),
        ("hugetlbfs /dev/hugepages hugetlbfs rw,pagesize=2M 0 0\n", {}, True),
        ("hugetlbfs /dev/hugepages hugetlbfs rw,pagesize=2M 0 0\n", {"default_size": "1G"}, False),
        ("", {"default_size": "1G"}, True),
    ],
)
def test_only_sizes_that_nobody_mounts_need_one(
    mounted: str, keys: dict[str, str], needed: bool
) -> None:
    host = bench({"/proc/mounts": mounted})
    wishes = host.wishes(**pages({"size": "1G", "count": 1}, **keys))
    assert bool({w.path for w in wishes.files} & set(mounts.PATHS)) == needed


def test_nothing_declared_is_nothing_planned() -> None:
    result = bench({TOTAL: "64\n"}).plan()
    assert (result.changes, result.findings) == ((), ())
