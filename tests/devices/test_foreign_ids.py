"""Ids that somebody else told to vfio-pci."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.pci import PciFunction
from backends.pci.vfio_ids import ids_of_arguments, observe_vfio_ids, takes
from reconciler.model import Severity
from specs.values import PciAddress
from tests.devices.planning import codes, device, host, plan, refusals
from tests.simulator.hosts import debian
from tests.simulator.tree import TreeBuilder

CARD = PciFunction(
    PciAddress.parse("0000:01:00.0"),
    "",
    "0x010802",
    vendor="144d",
    device="a808",
    subsystem_vendor="144d",
    subsystem_device="a801",
)
GPU = device(address="01:00.0")


@pytest.fixture
def box(tree: TreeBuilder) -> TreeBuilder:
    """A GPU for a VM, and the disk of the root file system (144d:a808)."""
    host(tree).function("0000:01:00.0", driver="nouveau", group=1)
    return tree


def test_the_disk_of_the_root_would_be_taken(box: TreeBuilder) -> None:
    box.write("/etc/modprobe.d/vfio.conf", "# old\noptions vfio-pci ids=10de:1b81,144d:a808\n")
    (finding,) = refusals(plan(box, device=[GPU]))
    assert (finding.code, finding.where) == ("vfio-ids-foreign", "/etc/modprobe.d/vfio.conf")
    assert finding.message == (
        "/etc/modprobe.d/vfio.conf gives 0000:04:00.0 to vfio-pci by its id 144d:a808, which the "
        "host needs for /"
    )
    assert codes(plan(box)) == []


def test_an_argument_of_the_next_boot_counts_unless_it_goes(box: TreeBuilder) -> None:
    args = "quiet intel_iommu=on iommu=pt vfio-pci.ids=144d:a808"
    debian(box, "box", "0123456789abcdef0123456789abcdef", args)
    (finding,) = refusals(plan(box, device=[GPU]))
    assert (finding.code, finding.where) == ("vfio-ids-foreign", "the kernel command line")
    boot = {"absent_kernel_args": ["vfio-pci.ids"]}
    gone = plan(box, device=[GPU], boot=boot)
    assert "vfio-ids-foreign" not in codes(gone)


def test_what_the_host_can_spare_is_warned_about(box: TreeBuilder) -> None:
    path = box.function("0000:06:00.0", "0x0c0330", "1b36:000d", driver="xhci_hcd", group=6)
    box.write("/usr/lib/modprobe.d/usb.conf", "options vfio_pci ids=1b36:000d disable_vga=1\n")
    found = plan(box, device=[GPU])
    assert codes(found) == []
    assert "vfio-ids-foreign" in codes(found, Severity.WARN)
    # Gone with the spec, with vfio-pci already, in a file that another one hides: nothing to say.
    both = [GPU, device(address="06:00.0") | {"name": "usb"}]
    assert "vfio-ids-foreign" not in codes(plan(box, device=both), Severity.WARN)
    (box.root / f"{path}/driver".lstrip("/")).unlink()
    box.bind(path, "vfio-pci")
    assert "vfio-ids-foreign" not in codes(plan(box, device=[GPU]), Severity.WARN)
    box.write("/etc/modprobe.d/usb.conf", "")
    assert observe_vfio_ids(box.reader()) == ()


@pytest.mark.parametrize(
    ("ids", "taken"),
    [
        ("144d:a808", True),
        ("144D:A808", True),
        ("144d:ffffffff", True),
        ("144d:a809", False),
        ("144d:a808:144d:a801", True),
        ("144d:a808:144d:a802", False),
        ("144d:a808:ffffffff:ffffffff:010802:ffffff", True),
        ("144d:a808:ffffffff:ffffffff:020000:ff0000", False),
        ("144d", False),
        ("%DEVICES%", False),
        ("", False),
    ],
)
def test_what_an_id_takes(ids: str, taken: bool) -> None:
    assert takes(ids, CARD) is taken


@given(st.text(max_size=30))
def test_any_text_is_some_answer(text: str) -> None:
    assert takes(text, CARD) in (True, False)
    ids_of_arguments([f"vfio-pci.ids={text}"])
