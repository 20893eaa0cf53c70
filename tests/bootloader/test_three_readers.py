"""Any list of arguments: through sh, GRUB's script and GRUB's own line to the kernel, or refused.

The edit is the product's; the value is read by the real dash and bash, the line that 10_linux puts
around it is split by GRUB's rules (held to a running GRUB in tests/formats/test_grub_cfg.py) and by
a letter-by-letter copy of the kernel's next_arg().
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backends.formats import cmdline
from backends.formats.grub.words import kernel_line, words
from backends.formats.kernel_arg import check_arg
from tests.bootloader.test_grub_mkconfig import GrubHost
from tests.formats.test_cmdline import next_args

PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
NAMES = st.from_regex(r"[a-z][a-z_.-]{0,6}", fullmatch=True)
ARGS = st.one_of(
    NAMES,
    st.builds("{}={}".format, NAMES, PRINTABLE),
    st.builds('{}="{}"'.format, NAMES, PRINTABLE),
)


def at_the_kernel(text: str) -> list[tuple[str, str | None]]:
    """What the kernel makes of a ``linux`` line's words in grub.cfg."""
    return next_args(kernel_line(words(f"root=/dev/sda2 ro {text}")))[2:]


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(ARGS, max_size=5), st.booleans())
def test_it_arrives_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, args: list[str], drop_ins: bool
) -> None:
    wanted = list(dict.fromkeys(a for a in args if check_arg(a) is None))
    wanted = [a for n, a in enumerate(wanted) if not cmdline.has(wanted[:n], a)]
    text = b'GRUB_CMDLINE_LINUX="a=1"\nGRUB_CMDLINE_LINUX_DEFAULT="quiet \\"b=c d\\""\n'
    host = GrubHost(tmp_path_factory.mktemp("g"), text, drop_ins=drop_ins)
    before = host.content()
    change = host.apply(wanted)
    shell = "dash" if drop_ins else "bash"
    names = ("GRUB_CMDLINE_LINUX", "GRUB_CMDLINE_LINUX_DEFAULT")
    line = " ".join(host.value(shell, name) or "" for name in names)
    theirs = [("a", "1"), ("quiet", None), ("b", "c d")]
    ours = [(cmdline.name_of(a), cmdline.value_of(a)) for a in change.added]
    assert at_the_kernel(line) == theirs + ours
    assert {*change.added, *change.already} == set(wanted)
    host.apply(())
    assert host.content() == before


@pytest.mark.parametrize(
    "arg", ["a=b\nc", 'a="b"c"', "a=`", "a=\\", "a='", "a=\x7f", "a b", "root=/dev/sda", "é=1"]
)
def test_what_no_quoting_carries_is_refused(arg: str) -> None:
    assert check_arg(arg) is not None


def test_the_reader_sees_a_lost_word() -> None:
    """A test of the test: ``$8`` is a variable to GRUB, and nothing sets it."""
    assert at_the_kernel("memmap=4G$8G") == [("memmap", "4GG")]
