"""This machine's own kernel: pools grow and shrink, interrupts move and come back."""

from __future__ import annotations

import mmap
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from backends.host import Host
from backends.topology.irq import IRQS, IrqState, observe_irqs
from backends.topology.memory import observe_memory
from reconciler.context import Context
from reconciler.observe import observe
from reconciler.ownership import Owned
from reconciler.placement import interrupts
from reconciler.resources import own_paths
from reconciler.resources.hugepages import RESOURCE, TMPFILES
from specs.spec import HostSpec
from tests.cli import run

pytestmark = pytest.mark.kernel

POOL = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
RECORDS = Path("/var/lib/reconcile")


@pytest.fixture(autouse=True)
def machine() -> Iterator[None]:
    """These change the machine, so not one that reconcile is in charge of."""
    if os.geteuid() != 0:
        pytest.fail("needs root")
    if RECORDS.exists():
        pytest.fail(f"{RECORDS} exists: reconcile manages this machine")
    yield
    shutil.rmtree(RECORDS, ignore_errors=True)


@pytest.fixture
def pool() -> Iterator[int]:
    """The pool of 2 MiB pages, put back whatever happens; its size before."""
    before = int(POOL.read_text())
    yield before
    POOL.write_text(f"{before}\n")
    Path(TMPFILES).unlink(missing_ok=True)


def _spec(folder: Path, text: str) -> Path:
    path = folder / "host.toml"
    path.write_text(f"version = 1\n{text}")
    return path


def test_a_pool_grows_shrinks_and_goes_back(pool: int, tmp_path: Path) -> None:
    """The whole command line on the live machine; the second apply changes nothing."""
    for count in (pool + 9, pool + 3):
        spec = _spec(tmp_path, f'[[hugepages.pages]]\nsize = "2M"\ncount = {count}\n')
        applied = run("--apply", spec, "--connect", "none", "--yes")
        assert applied.code == 0, applied.err + applied.out
        assert int(POOL.read_text()) == count
        assert f"nr_hugepages - - - - {count}" in Path(TMPFILES).read_text()
        again = run("--apply", spec, "--connect", "none", "--yes", "--detailed-exitcode")
        assert again.code == 0, again.out
    gone = run("--apply", _spec(tmp_path, ""), "--connect", "none", "--yes")
    assert gone.code == 0, gone.err
    assert int(POOL.read_text()) == pool
    assert not Path(TMPFILES).exists()


def test_a_pool_of_one_node_grows(pool: int, tmp_path: Path) -> None:
    memory = observe_memory(Host().reader)
    if not memory.node_pools:
        pytest.skip("this kernel has no NUMA nodes")
    node = memory.nodes[0].number
    text = f'[[hugepages.pages]]\nsize = "2M"\ncount = {pool + 4}\nnode = {node}\n'
    applied = run("--apply", _spec(tmp_path, text), "--connect", "none", "--yes")
    assert applied.code == 0, applied.err + applied.out
    found = observe_memory(Host().reader).pool(2048, node)
    assert found is not None
    assert found.total == pool + 4
    assert run("--apply", _spec(tmp_path, ""), "--connect", "none", "--yes").code == 0
    assert int(POOL.read_text()) == pool


def test_pages_in_use_are_seen_as_such(pool: int) -> None:
    """A mapping touches pages: the kernel's own counters say what our refusal relies on."""
    POOL.write_text(f"{pool + 4}\n")
    huge_page, private, anonymous = 0x40000, mmap.MAP_PRIVATE, mmap.MAP_ANONYMOUS
    with mmap.mmap(-1, 4 << 20, flags=private | anonymous | huge_page) as mapping:
        mapping[0] = 1
        found = observe_memory(Host().reader).pool(2048)
        assert found is not None
        assert found.in_use >= 2  # one touched, one promised
        spec = {"version": 1, "hugepages": {"pages": [{"size": "2M", "count": 1}]}}
        ctx = _context(HostSpec.model_validate(spec), Owned())
        codes = [f.code for f in RESOURCE.plan(ctx, RESOURCE.wishes(ctx)).findings]
        assert "hugepages-in-use" in codes


def _context(spec: HostSpec, owned: Owned) -> Context:
    host = Host()
    return Context(spec, observe(host.reader, own_paths()), owned, "/s.toml", "/")


def test_interrupts_move_and_come_back() -> None:
    host = Host()
    before = observe_irqs(host.reader)
    cpus = _context(HostSpec(version=1), Owned()).state.cpu
    if len(cpus.online) < 2:
        pytest.skip("one CPU: interrupts have nowhere to go")
    first = min(cpus.online)
    table = {"isolated": str(cpus.online - type(cpus.online)((first,))), "irq_affinity": True}
    spec = HostSpec.model_validate({"version": 1, "cpu": table})
    owned = Owned()
    try:
        for wanted in (spec, HostSpec(version=1)):
            for change in interrupts.plan(_context(wanted, owned)).changes:
                for step in change.steps:
                    host.perform(step)
                owned = owned.with_claims(change.claims)
            assert interrupts.plan(_context(wanted, owned)).changes == ()
            if wanted is spec:
                moved = {i.number: str(i.affinity) for i in observe_irqs(host.reader).irqs}
                assert all(moved[i.number] == str(first) for i in before.irqs if not i.fixed)
    finally:
        _put_back(before)
    after = observe_irqs(host.reader)
    assert (after.default, after.irqs) == (before.default, before.irqs)
    assert owned == Owned()


def _put_back(before: IrqState) -> None:
    for irq in before.irqs:
        if not irq.fixed:
            Path(f"{IRQS}/{irq.number}/smp_affinity_list").write_text(f"{irq.affinity}\n")
