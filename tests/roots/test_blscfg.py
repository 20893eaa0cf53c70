"""Loader entries against a GRUB that reads them: Debian forky's 2.14, in grub-emu.

Fedora's, RHEL's and openSUSE's GRUB have the older code that this one comes from: not run here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from backends.bootloader.loaders import grub2
from backends.formats.loader_entry import options
from tests.bootloader.sources import Sources
from tests.roots import copies, emu
from tests.simulator import grub2 as hosts
from tests.simulator.tree import TreeBuilder

pytestmark = pytest.mark.roots

VARIABLES = {"kernelopts": "root=x ro quiet", "tuned": "skew_tick=1"}
ENTRY = "title One\nversion 1\nlinux /vmlinuz-1\ninitrd /initrd-1\n"
ARGS = (
    "intel_iommu=on",
    "hugepagesz=1G",
    "hugepages=4",
    'dyndbg="file b.c +p"',
    'a.b="!c;d&e|f<g"',
    "h.i=*?[j](k)#l",
)


@pytest.fixture(scope="module")
def grub() -> Iterator[Path]:
    """A root with grub-emu."""
    with copies.home() as home:
        yield copies.copy(emu.ensure(), home / "emu")


@pytest.mark.parametrize(
    "line",
    [
        "root=x ro quiet",
        '  a="b c"   "d=e f"  g',
        "a='b c' d",
        "$kernelopts $tuned two",
        "x $unset_one three",
        "a=1 -- b=2",
        "a=!x*?[y](z)`#~",
        "first=1\noptions second=2",
        "one \n\noptions two",
    ],
)
def test_words_are_read_as_grub_reads_them(grub: Path, line: str) -> None:
    text = f"{ENTRY}options {line}\n"
    real = emu.kernel_line(grub, text, VARIABLES)
    found = joined(options(text, grub=True, variables=VARIABLES) or ())
    assert emu.is_line(real, found), (real, found)


@pytest.mark.parametrize("build", [hosts.fedora, hosts.rhel8])
def test_what_we_write_reaches_the_kernel(
    grub: Path, tmp_path: Path, build: Callable[[TreeBuilder], None]
) -> None:
    build(TreeBuilder(tmp_path))
    host = Sources(tmp_path, grub2.BACKEND)
    host.apply(ARGS)
    env = tmp_path / "boot/grub2/grubenv"
    lines = [x.partition("=") for x in env.read_text().splitlines() if x.startswith("kernelopts=")]
    for entry in host.state().normal():
        text = (tmp_path / entry.source.lstrip("/")).read_text()
        real = emu.kernel_line(grub, text, {name: quoted(value) for name, _, value in lines})
        assert emu.is_line(real, joined(entry.args)), real
        assert joined(entry.args).endswith(joined(ARGS))


def joined(args: Sequence[str]) -> str:
    """As grub-emu shows them."""
    return " ".join(arg.replace('"', "") for arg in args)


def quoted(value: str) -> str:
    """As load_env sets it: verbatim."""
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")


@pytest.mark.parametrize(
    "line", ["memmap=4G$8G", "memmap=4G\\$8G", 'memmap="4G\\$8G"', "m='4G$8G'"]
)
def test_a_dollar_sign_is_lost_however_it_is_quoted(grub: Path, line: str) -> None:
    """Why such an argument is refused where GRUB reads entries."""
    real = emu.kernel_line(grub, f"{ENTRY}options {line}\n")
    assert real is None or "$" not in real


def test_what_grub_cannot_read_is_nobodys(grub: Path) -> None:
    """An open quote: no kernel is started, and we call the entry foreign."""
    assert emu.kernel_line(grub, f'{ENTRY}options root=x "open\n') is None
    assert emu.is_line(emu.kernel_line(grub, f"{ENTRY}options root=x\n"), "root=x")
