"""Arguments of others, and lines that are too long: what a plan says of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bootloader.hosts import HOSTS
from tests.simulator.host import Bench
from tests.simulator.tree import TreeBuilder

WHERE = "boot.kernel_args[0]"


def said(
    root: Path, name: str, there: str, *wanted: str, absent: str = ""
) -> list[tuple[str, str]]:
    """Code and place of every finding about arguments."""
    tree = TreeBuilder(root)
    HOSTS[name].build(tree, there)
    boot = {"kernel_args": list(wanted), "absent_kernel_args": absent.split()}
    plan = Bench(root).plan(boot=boot)
    return [(f.code, f.where) for f in plan.findings if f.code.startswith("kernel-arg")]


@pytest.mark.parametrize("name", sorted(HOSTS))
def test_another_value_is_told_and_left(name: str, tmp_path: Path) -> None:
    assert said(tmp_path, name, "quiet m.x-y=off", "m.x_y=auto") == [
        ("kernel-arg-other-value", WHERE)
    ]


def test_it_is_told_after_the_apply_too(tmp_path: Path) -> None:
    HOSTS["systemd-boot"].build(TreeBuilder(tmp_path), "quiet m=off")
    bench = Bench(tmp_path)
    assert bench.apply(boot={"kernel_args": ["m=auto"]}).good
    codes = [f.code for f in bench.plan(boot={"kernel_args": ["m=auto"]}).findings]
    assert "kernel-arg-other-value" in codes


@pytest.mark.parametrize(
    ("there", "wanted", "absent", "code"),
    [
        ("console=tty0", "console=ttyS0", "", None),
        ("m=off", "m=auto", "m=off", None),
        ("mm=off", "m=auto", "", None),
        ("-- m=off", "m=auto", "", None),
        ("m=auto", "m=auto", "", "kernel-arg-foreign"),
        ("m", "m=auto", "", "kernel-arg-other-value"),
    ],
)
def test_what_counts_as_another_value(
    tmp_path: Path, there: str, wanted: str, absent: str, code: str | None
) -> None:
    found = said(tmp_path, "systemd-boot", f"quiet {there}", wanted, absent=absent)
    assert found == ([(code, WHERE)] if code else [])


@pytest.mark.parametrize(("length", "refused"), [(1950, False), (2000, True)])
def test_a_line_that_the_kernel_would_cut_is_refused(
    tmp_path: Path, length: int, refused: bool
) -> None:
    found = said(tmp_path, "systemd-boot", "quiet", f"a.b={'1' * length}")
    assert found == ([("kernel-args-too-long", "boot.kernel_args")] if refused else [])
