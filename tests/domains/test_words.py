"""What a plan says of a domain's properties."""

from __future__ import annotations

import pytest

from reconciler.domains.words import told


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("vcpupin", "0=8 1=40 2=9", "vcpupin: vCPUs 0-2 on CPUs 8 40 9"),
        ("vcpupin", "0=4-7 1=4-7", "vcpupin: vCPUs 0-1 on CPUs 4-7 each"),
        ("vcpupin", "0=4-7 3=8", "vcpupin: vCPU 0 on CPU 4-7, vCPU 3 on CPU 8"),
        ("vcpupin", "0=4", "vcpupin: vCPU 0 on CPU 4"),
        ("iothreadpin", "1=0,2 2=1", "iothreadpin: iothreads 1-2 on CPUs 0,2 1"),
        ("emulatorpin", "0-3", "emulatorpin: CPUs 0-3"),
        ("hostdev[0000:01:00.0]", "managed=no", "hostdev 0000:01:00.0: managed=no"),
        ("rom.bar[0000:01:00.0]", "off", "rom.bar 0000:01:00.0: off"),
        ("evdev[/dev/input/a=b]", "grab=all", "evdev /dev/input/a=b: grab=all"),
        (
            "card[0000:01:00]",
            "0000:01:00.0=0 0000:01:00.1=1",
            "one card in the guest: 0000:01:00.0 as function 0, 0000:01:00.1 as function 1",
        ),
    ],
)
def test_what_is_said(key: str, value: str, text: str) -> None:
    assert told(key, value) == text
