"""--init: what it prints plans to no change; --init --for gives a device away, near its node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from backends.libvirt.state import DomainState, LibvirtState
from backends.reader import TreeReader
from reconciler.starter.describe import describe
from reconciler.starter.toml import Value, document, value
from reconciler.starter.trial import plan_of
from tests.cli import Ran, run
from tests.devices.planning import state_of
from tests.goldens import check
from tests.simulator.examples import NAMES
from tests.simulator.hosts import HOSTS, build, many_functions
from tests.simulator.tree import TreeBuilder
from tests.specs.test_models import FULL
from tests.ui.managed import applied

REPO = Path(__file__).parents[2]
GOLDENS = REPO / "tests/goldens/init"


def planned(spec: str, root: Path, *more: str) -> Ran:
    file = root.parent / f"{root.name}.toml"
    file.write_text(spec)
    return run("--plan", file, "--root", root, "--detailed-exitcode", *more)


def lasting(spec: str) -> str:
    """A spec whose schema does not say where this checkout lies."""
    return spec.replace(str(REPO), "/usr/lib/reconcile")


def grown(root: Path) -> TreeBuilder:
    """A host that has been set up by hand: isolation, huge pages, a device on vfio-pci, VFs."""
    tree = build("sriov-server", root)
    tree.write("/sys/devices/system/cpu/isolated", "2-3\n")
    tree.write("/proc/cmdline", "quiet isolcpus=domain,2-3 nohz_full=2-3 intel_iommu=on iommu=pt\n")
    for home in ("/sys/kernel/mm", "/sys/devices/system/node/node0"):
        tree.write(f"{home}/hugepages/hugepages-2048kB/nr_hugepages", "512\n")
        tree.write(f"{home}/hugepages/hugepages-2048kB/free_hugepages", "512\n")
    card = tree.function("0000:af:00.0", "0x120000", "10de:20b5", driver="vfio-pci", group=90)
    assert card
    port = "/sys/devices/pci0000:00/0000:3b:00.1"
    tree.write(f"{port}/sriov_numvfs", "1\n")
    tree.link(f"{port}/virtfn0", "/sys/devices/pci0000:00/0000:3b:02.1")
    vf = tree.function("0000:3b:02.1", "0x020000", "8086:154c", driver="iavf", group=91, numa=0)
    tree.link(f"{vf}/physfn", port)
    tree.finish()
    return tree


@pytest.mark.parametrize("name", [*sorted(HOSTS), "grown", "bare", "many"])
def test_planning_it_changes_nothing(name: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    if name in HOSTS:
        build(name, root)
    elif name == "grown":
        grown(root)
    elif name == "many":
        many_functions(tree := TreeBuilder(root), 70)
        tree.finish()
    spec = run("--init", "--root", root)
    assert (spec.code, spec.err) == (0, "")
    found = planned(spec.out, root)
    assert (found.code, found.err) == (0, ""), found.out + spec.out
    assert max(map(len, spec.out.splitlines()[1:])) <= 80
    assert spec.out == run("--init", "--root", root).out


@pytest.mark.parametrize("name", NAMES)
def test_of_a_capture_it_is_a_spec_that_changes_nothing(name: str, tmp_path: Path) -> None:
    capture = REPO / "examples" / name / "capture.json"
    spec = run("--init", "--state", capture)
    check(GOLDENS / f"{name}.toml", lasting(spec.out))
    file = tmp_path / "host.toml"
    file.write_text(spec.out)
    found = run("--plan", file, "--state", capture, "--detailed-exitcode")
    assert (found.code, found.err) == (0, ""), found.out


def test_for_programs_and_for_pull_requests(tmp_path: Path) -> None:
    build("amd-workstation", tmp_path)
    text, as_json, fenced = (
        run("--init", "--root", tmp_path, "--format", form).out
        for form in ("text", "json", "markdown")
    )
    assert json.loads(as_json) == tomli.loads(text)
    assert fenced == f"```toml\n{text}```\n"


def test_editors_find_the_schema() -> None:
    for file in sorted(REPO.glob("examples/*/host.toml")):
        first = file.read_text().splitlines()[0]
        assert (file.parent / first.removeprefix("#:schema ")).resolve().is_file(), file
    spec = run("--init", "--state", REPO / "examples/sriov-server/capture.json").out
    assert Path(spec.splitlines()[0].removeprefix("#:schema ")).is_file()


def test_what_is_there_is_declared_where_that_changes_nothing(tmp_path: Path) -> None:
    root = tmp_path / "root"
    grown(root)
    found = run("--init", "--root", root).out
    check(GOLDENS / "grown.toml", lasting(found))


def test_of_a_managed_host_it_is_what_was_applied(tmp_path: Path) -> None:
    root = tmp_path / "root"
    spec = applied(root, tmp_path / "host.toml")
    found = run("--init", "--root", root)
    assert tomli.loads(found.out) == tomli.loads(spec.read_text())
    assert "is managed by reconcile: this is what was applied" in found.out
    assert "# Planning it changes nothing." in found.out
    again = planned(found.out, root)
    assert (again.code, again.err) == (0, ""), again.out
    # A capture has the record of what is owned, and not the spec: nothing false is said of it.
    capture = tmp_path / "capture.json"
    assert run("--capture", capture, "--root", root).code == 0
    elsewhere = " ".join(run("--init", "--state", capture).out.split())
    assert "managed by reconcile already, and this is not its spec" in elsewhere
    assert "planning this changes nothing" not in elsewhere


def test_a_host_that_has_drifted_is_told_so(tmp_path: Path) -> None:
    root = tmp_path / "root"
    applied(root, tmp_path / "host.toml")
    (root / "etc/security/limits.d/reconcile.conf").unlink()
    found = " ".join(run("--init", "--root", root).out.split())
    assert "would change /etc/security/limits.d/reconcile.conf" in found


def test_a_whole_spec_is_written_as_it_was_read() -> None:
    wanted = tomli.loads(FULL)
    assert tomli.loads("\n".join(document(wanted))) == wanted


def test_suggestions_can_be_switched_on(tmp_path: Path) -> None:
    """Every commented table is a spec that this host could have."""
    root = tmp_path / "root"
    build("sriov-server", root)
    lines = run("--init", "--root", root).out.splitlines()
    at = next(n for n, line in enumerate(lines) if line == "# [cpu]")
    switched = [line.removeprefix("# ") if "=" in line or "[" in line else line for line in lines]
    spec = "\n".join([*lines[:at], *switched[at:]]) + "\n"
    assert tomli.loads(spec)["hugepages"]["pages"][0]["count"] == 128
    assert planned(spec, root).code in (2, 4)


# --- --for ----------------------------------------------------------------------------------------


def gift(name: str, device: str, root: Path) -> Ran:
    build(name, root)
    return run("--init", "--for", device, "--root", root)


@pytest.mark.parametrize(
    ("name", "device"),
    [
        ("intel-workstation", "01:00.0"),
        ("amd-workstation", "0000:0b:00.0"),
        ("amd-workstation", "1022:149c"),
        ("sriov-server", "0000:3b:00.1"),
    ],
)
def test_a_spec_for_one_device(name: str, device: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    spec = gift(name, device, root)
    assert (spec.code, spec.err) == (0, "")
    check(GOLDENS / f"{name}-{device.replace(':', '')}.toml", lasting(spec.out))
    assert max(map(len, spec.out.splitlines()[1:])) <= 80
    found = json.loads(planned(spec.out, root, "--format", "json").out)
    refused = {f["code"] for f in found["findings"] if f["severity"] == "refuse"}
    assert refused <= {"vm-missing"}, found["findings"]  # libvirt is not asked on a tree
    warned = {f["code"] for f in found["findings"] if f["severity"] == "warn"}
    assert not warned & {"numa-remote", "smt-split", "pin-outside-isolated", "unpinned"}


@pytest.mark.parametrize("name", NAMES)
def test_every_device_that_can_be_given_is_given_by_a_clean_plan(name: str, tmp_path: Path) -> None:
    capture = REPO / "examples" / name / "capture.json"
    found = json.loads(run("--inspect", "--state", capture, "--format", "json").out)
    free = [f["address"] for f in found["pci"] if f["assignable"]["answer"] in ("yes", "with")]
    file = tmp_path / "host.toml"
    for address in free:
        spec = run("--init", "--for", address, "--state", capture)
        file.write_text(spec.out)
        plan = run("--plan", file, "--state", capture, "--format", "json")
        assert plan.code == 0, f"{address}: {plan.out}"
        codes = {f["code"] for f in json.loads(plan.out)["findings"] if f["severity"] == "warn"}
        assert codes <= {"vm-running", "no-reset", "boot-framebuffer", "use-unknown"}, (
            address,
            codes,
        )
    assert free or name == "intel-workstation"  # whose IOMMU is not on yet


@pytest.mark.parametrize(("device", "vm"), [("01:00.0", "cad-1"), ("81:00.0", "render")])
def test_the_vm_is_the_one_that_has_it_or_the_one_that_has_none(device: str, vm: str) -> None:
    capture = REPO / "examples/vm-host/capture.json"
    spec = tomli.loads(run("--init", "--for", device, "--state", capture).out)
    assert spec["vm"][0]["name"] == vm
    assert spec["vm"][0]["memory"]["numatune"]["nodeset"] == ("0" if vm == "cad-1" else "1")


def test_cpus_and_memory_are_near_the_device(tmp_path: Path) -> None:
    tree = build("sriov-server", tmp_path)
    tree.function("0000:d8:00.0", "0x120000", "10de:20b5", driver="nvidia", group=99, numa=1)
    tree.finish()
    spec = tomli.loads(run("--init", "--for", "d8:00.0", "--root", tmp_path).out)
    pins = [int(pin) for pin in spec["vm"][0]["cputune"]["vcpupin"]]
    assert all(16 <= pin <= 31 or 48 <= pin <= 63 for pin in pins)
    assert spec["vm"][0]["memory"]["numatune"] == {"mode": "strict", "nodeset": "1"}
    assert spec["hugepages"]["pages"] == [{"size": "1G", "count": 16, "node": 1}]


@pytest.mark.parametrize(
    ("device", "code", "words"),
    [
        ("04:00.0", 3, "the host needs it for default route"),
        ("00:00.0", 3, "it is a bridge"),
        ("ff:00.0", 64, "no such device here"),
        ("8086:1572", 64, "2 functions have this id: 0000:3b:00.0, 0000:3b:00.1"),
        ("gpu", 64, "no such device here"),
    ],
)
def test_devices_that_cannot_be_given(device: str, code: int, words: str, tmp_path: Path) -> None:
    found = gift("sriov-server", device, tmp_path)
    assert (found.code, found.out) == (code, "")
    assert words in found.err
    assert "→" in found.err


def test_the_only_vm_is_the_one_that_gets_it(tmp_path: Path) -> None:
    from reconciler.starter.give import give
    from specs.record import replace

    build("sriov-server", tmp_path)
    domain = DomainState("router", "u", "shut off", True, False, False, False, "<domain/>")
    libvirt = LibvirtState("qemu:///system", domains=(domain,))
    state = replace(state_of(TreeReader(tmp_path)), libvirt=libvirt)
    assert tomli.loads(give(state, "3b:00.0", "x"))["vm"][0]["name"] == "router"


def test_hostile_names_cannot_leave_their_comment(tmp_path: Path) -> None:
    tree = build("intel-workstation", tmp_path)
    tree.write("/usr/share/misc/pci.ids", "10de  Evil\r[boot]\x0b\n\t2489  x\u2028[vm]\n")
    tree.write("/proc/sys/kernel/hostname", 'a"\\\u2028b\n')
    state = state_of(TreeReader(tmp_path))
    spec = tomli.loads(describe(state, "x"))
    assert set(spec) == {"version", "host"}
    assert plan_of(["version = 1"], state) is not None


@given(
    st.recursive(
        st.text(st.characters(exclude_categories=["Cs"])) | st.integers(0, 2**40) | st.booleans(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.text("abcXYZ_09", min_size=1), inner, max_size=3)
        ),
        max_leaves=6,
    )
)
def test_values_are_read_back_as_they_were(found: Value) -> None:
    assert tomli.loads(f"x = {value(found)}")["x"] == found
