"""What may be managed, and that it reaches the kernel as it was meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.formats import cmdline, kernel_arg

ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@pytest.mark.parametrize(
    "arg",
    [
        "quiet", "iommu=pt", "vfio-pci.ids=10de:1b81,10de:10f0", "isolcpus=domain,2-7",
        "memmap=4G$8G", 'acpi_osi="!Windows 2012"', '"dyndbg=file a.c +p"',
        "pci=config_acs=1x@0000:03:00.0;x@0000:04:00.0", "rd.driver.pre=vfio-pci",
        "rd.udev.log_level=3", "resume=UUID=1", "noresume", "systemd.unit=multi-user.target",
        "hugepages=0:512,1:512", "x=", "console=ttyS0,115200n8",
    ],
)  # fmt: skip
def test_allowed(arg: str) -> None:
    assert kernel_arg.check_arg(arg) is None


@pytest.mark.parametrize(
    ("arg", "why"),
    [
        ("root=/dev/sda1", "root"), ("root", "root"), ("rootflags=x", "root"), ("ro", "root"),
        ("init=/bin/sh", "first program"), ("rdinit=/x", "first program"),
        ("initrd=/x", "boot loader"), ("BOOT_IMAGE=/x", "boot loader"),
        ("systemd.machine-id=1", "identity"), ("rd.break", "root"), ("rd.luks.uuid=1", "root"),
        ("systemd.unit=rescue.target", "first program"), ("single", "first program"),
        ("--", "not the name"), ("---", "not the name"), ("", "not one argument"),
        ("a b", "not one argument"), ("a=b\n", "not one argument"), ("a=\x01", "no quoting"),
        ("a=\\", "no quoting"), ("a='b'", "no quoting"), ("a=`b`", "no quoting"),
        ("a=ä", "no quoting"), ("a=\udcff", "no quoting"), ("$kernelopts", "not the name"),
        ("#x", "not the name"), ("=x", "not the name"), ('a="b"c"d"', "double quote"),
        ('a=b"c d"', "double quote"), ('a="b c', "not around"), ("a;b", "not the name"),
        ("a\u00a0b=1", "not one argument"),
    ],
)  # fmt: skip
def test_refused(arg: str, why: str) -> None:
    problem = kernel_arg.check_arg(arg)
    assert problem is not None
    assert why in problem


@given(st.builds("{}={}".format, st.just("name"), ASCII) | ASCII | st.text(max_size=9))
def test_what_is_allowed_is_one_word_that_the_kernel_reads_alike(arg: str) -> None:
    if kernel_arg.check_arg(arg) is None:
        form = kernel_arg.kernel_form(arg)
        assert cmdline.tokens(form) == (form,)
        assert cmdline.same(form, arg)
        assert kernel_arg.check_arg(form) is None
