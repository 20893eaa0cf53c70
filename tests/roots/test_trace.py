"""The reading of traces would see a change."""

from __future__ import annotations

import pytest

from tests.roots.trace import changing_calls

FIRST = '7 execve("/usr/bin/python3", ["python3"], 0x7ffe) = 0\n'


@pytest.mark.parametrize(
    "call",
    [
        'execve("/usr/sbin/update-grub", ["update-grub"], 0x7ffe) = 0',
        'openat(AT_FDCWD, "/etc/x", O_WRONLY|O_CREAT|O_CLOEXEC, 0600) = 3',
        'write(3, "x", 1) = 1',
        'write(12, "x", 1) = 1',
        'rename("/etc/x~", "/etc/x") = 0',
        'unlink("/etc/x") = 0',
        'mkdir("/var/lib/reconcile", 0700) = 0',
        'fsetxattr(3, "user.x", "", 0, 0) = 0',
        "fchmod(3, 0644) = 0",
    ],
)
def test_changes_are_seen(call: str) -> None:
    assert changing_calls(f"{FIRST}7 {call}\n") == [call]


@pytest.mark.parametrize(
    "call",
    [
        'openat(AT_FDCWD, "/etc/x", O_RDONLY|O_CLOEXEC) = 3',
        'openat(AT_FDCWD, "/dev/null", O_RDWR|O_CLOEXEC) = 3',
        'write(1, "No changes", 10) = 10',
        'readlink("/etc/x", "y", 4096) = 1',
        "set_robust_list(0x7f, 24) = 0",
    ],
)
def test_looking_is_no_change(call: str) -> None:
    assert changing_calls(f"{FIRST}7 {call}\n") == []
