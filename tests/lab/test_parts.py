"""The parts of the lab that need no guest."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from . import accel, flavours, images, machines, report
from .base import LabError, digest
from .conftest import Lab
from .guest import Guest, Job, Result
from .qemu import Setup


@given(st.lists(st.text(), max_size=5), st.lists(st.text(), max_size=5))
def test_digest_tells_any_two_lists_of_parts_apart(a: list[str], b: list[str]) -> None:
    assert (digest(*a) == digest(*b)) == (a == b)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ("grub-efi", "sdboot")),
        ("default", ("grub-efi", "sdboot")),
        ("uki, bls", ("uki", "bls")),
        ("all", tuple(flavours.FLAVOURS)),
    ],
)
def test_flavours_are_chosen_by_the_environment(
    value: str, expected: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILE_LAB_FLAVOURS", value)
    assert flavours.chosen() == expected


def test_an_unknown_flavour_is_an_error_that_names_the_others() -> None:
    with pytest.raises(LabError, match=r"no flavour 'grub'.*grub-bios, grub-efi"):
        flavours.named("grub")


def test_every_flavour_has_an_image_of_its_own() -> None:
    keys = {(f.name, images.key(f)) for f in flavours.FLAVOURS.values()}
    assert len({key for _name, key in keys}) >= len(keys) - 1  # one script serves both GRUBs


@pytest.mark.parametrize("kind", ["intel", "amd"])
def test_hosts_differ_in_their_iommu_only(kind: str) -> None:
    def devices(name: str) -> list[str]:
        words = machines.KINDS[name](False)
        return [after for word, after in pairwise(words) if word == "-device"]

    without = devices("noiommu")
    iommu = [device for device in devices(kind) if device not in without]
    assert [name.partition(",")[0] for name in iommu] == [f"{kind}-iommu"]
    assert devices(kind) == [*iommu, *without]


def test_kvm_hosts_keep_interrupt_remapping_possible() -> None:
    assert "q35,kernel-irqchip=split" in machines.intel(True)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fpu vmx sse2", True), ("fpu svm", True), ("fpu svm_lock hypervisor", False)],
)
def test_kvm_is_worth_a_trial_on_a_processor_with_virtualisation_only(
    flags: str, expected: bool
) -> None:
    assert accel.virtualises(f"processor\t: 0\nflags\t\t: {flags}\nbugs\t\t:\n") == expected


def test_a_job_has_a_result_when_its_exit_status_is_there(tmp_path: Path) -> None:
    job = Job("true", tmp_path / "0001")
    (tmp_path / "0001.out").write_text("text")
    assert job.result() is None
    (tmp_path / "0001.rc").write_text("4\n")
    assert job.result() == Result(4, "text")


@pytest.mark.parametrize("failed", [True, False])
def test_the_console_log_stays_when_a_test_fails(failed: bool, tmp_path: Path) -> None:
    guest = Guest(Setup(tmp_path / "run", tmp_path / "disk", None, "small", "tcg"))
    guest.setup.console.write_text("Kernel \x1b[1mpanic\x1b[0m")
    lab = Lab(tmp_path / "wheel", [guest])
    sections = lab.keep() if failed else []
    lab.end(guest)
    assert guest.setup.console.exists() == failed
    shown = [text for _name, text in sections]
    assert shown == [f"{guest.setup.console}\n...Kernel panic"] * failed


def test_the_table_has_a_column_per_flavour_and_marks_the_step_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILE_LAB", str(tmp_path))
    with report.Steps("sdboot", "tcg", iter([10.0, 17.4]).__next__)("plan"):
        pass
    broken = report.Steps("bls", "tcg", lambda: 0.0)
    with pytest.raises(ValueError, match="no"), broken("apply"):
        raise ValueError("no")
    document = tmp_path / "testing.md"
    document.write_text(f"# Head\n{report.BEGIN}\nold\n{report.END}\ntail\n")
    report.insert(document)
    assert document.read_text() == (
        f"# Head\n{report.BEGIN}\n| step | sdboot | bls |\n|---|---:|---:|\n| plan | 7 | - |\n"
        f"| apply | - | 0 failed |\n| **all** | 7 | 0 |\n{report.END}\ntail\n"
    )
