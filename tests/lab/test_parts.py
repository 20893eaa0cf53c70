"""The parts of the lab that need no guest."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from . import flavours, images, machines, report
from .base import LabError, digest
from .guest import Job, Result


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


def test_a_job_has_a_result_when_its_exit_status_is_there(tmp_path: Path) -> None:
    job = Job("true", tmp_path / "0001")
    (tmp_path / "0001.out").write_text("text")
    assert job.result() is None
    (tmp_path / "0001.rc").write_text("4\n")
    assert job.result() == Result(4, "text")


def test_the_table_has_a_column_per_flavour_and_marks_the_step_that_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILE_LAB", str(tmp_path))
    with report.Steps("a", "tcg")("plan"):
        pass
    broken = report.Steps("b", "tcg")
    with pytest.raises(ValueError, match="no"), broken("apply"):
        raise ValueError("no")
    document = tmp_path / "testing.md"
    document.write_text(f"# Head\n{report.BEGIN}\nold\n{report.END}\ntail\n")
    report.insert(document)
    assert document.read_text() == (
        f"# Head\n{report.BEGIN}\n| step | a | b |\n|---|---:|---:|\n| plan | 0 | - |\n"
        f"| apply | - | 0 failed |\n| **all** | 0 | 0 |\n{report.END}\ntail\n"
    )
