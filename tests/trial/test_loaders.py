"""What each boot loader's entry for one boot looks like, and how it is confirmed and taken back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from backends.bootloader import names
from backends.bootloader.detect import observe_boot
from backends.bootloader.state import BootState
from backends.bootloader.trial import backend
from backends.bootloader.trial.arguments import safety
from backends.formats.cmdline import tokens
from backends.formats.loader_entry import options, values
from tests.cli import Ran, run
from tests.simulator import esp, grub2
from tests.simulator.host import ONE_SHOT, Bench
from tests.simulator.tree import TreeBuilder
from tests.trial import hosts
from tests.trial.hosts import boots, contents, grub_starts

ARGS = ["mitigations=auto", "nohz=off"]
SPEC = f'version = 1\n[boot]\ntrial = true\nkernel_args = ["{ARGS[0]}", "{ARGS[1]}"]\n'
COPY = f"boot/loader/entries/{grub2.ID}-6.8.10~reconcile.conf"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """Two arguments, tried first."""
    path = tmp_path / "host.toml"
    path.write_text(SPEC)
    return path


def reconcile(mode: str, root: Path, *words: object) -> Ran:
    """The command line on a tree."""
    return run(f"--{mode}", *words, "--root", root, "--quiet")


def words(text: str, *, grub: bool = False) -> tuple[str, ...]:
    """What the kernel gets from an entry."""
    return options(text, grub=grub) or ()


# -- GRUB with loader entries


def test_a_loader_entry_is_copied_tried_and_confirmed(tmp_path: Path, spec: Path) -> None:
    root = hosts.grub_bls(tmp_path / "root").root
    before = contents(root)
    assert reconcile("apply", root, spec).code == 0
    armed = contents(root)
    assert {p for p in armed if armed[p] != before.get(p)} == {
        COPY,
        "boot/grub2/grubenv",
        *(f"etc/systemd/system/reconcile-{n}" for n in ("trial.timer", "trial.service")),
        "etc/systemd/system/reconcile-confirm.service",
    }
    text = armed[COPY].decode()
    assert values(text, "title", grub=True)[0].endswith("(trial by reconcile)")
    args = words(text, grub=True)
    assert list(args[: -(len(safety()) + 3)]) == [*grub2.ROOT.split(), "rhgb", "quiet", *ARGS]
    assert grub_starts(root, "boot-2", "grub2") == f"{grub2.ID}-6.8.10~reconcile"
    boots(root, " ".join(args), "boot-2")
    done = reconcile("confirm", root)
    assert done.code == 0, done.out + done.err
    after = contents(root)
    assert COPY not in after
    for kernel in ("6.8.9", "6.8.10"):
        entry = after[f"boot/loader/entries/{grub2.ID}-{kernel}.conf"].decode()
        assert list(words(entry, grub=True))[-2:] == ARGS
    assert reconcile("plan", root, spec, "--detailed-exitcode").code == 0
    (tmp_path / "empty.toml").write_text("version = 1\n")
    assert reconcile("apply", root, tmp_path / "empty.toml").code == 0
    assert contents(root) == before


def test_inherited_options_are_written_out(tmp_path: Path) -> None:
    t = TreeBuilder(tmp_path)
    grub2.rhel8(t)
    t.disk("sda", t.function("0000:00:17.0", "0x010601", "8086:a352", driver="ahci"))
    t.mount(t.partition("sda", 2), "/")
    state = observe_boot(t.reader(), trial=True)
    assert state.tried.obstacle is None
    assert "$kernelopts" not in state.tried.template
    assert "crashkernel=auto quiet" in state.tried.template


def test_a_copy_of_another_default_goes(tmp_path: Path, spec: Path) -> None:
    t = hosts.grub_bls(tmp_path / "root")
    assert reconcile("apply", t.root, spec).code == 0
    env = grub2.grubenv(saved_entry=f"{grub2.ID}-6.8.9", next_entry=f"{grub2.ID}-6.8.10~reconcile")
    t.write("/boot/grub2/grubenv", env)
    assert reconcile("apply", t.root, spec).code == 0
    copies = [p for p in contents(t.root) if "~reconcile" in p]
    assert copies == [f"boot/loader/entries/{grub2.ID}-6.8.9~reconcile.conf"]


# -- GRUB with a menu


@pytest.mark.parametrize(
    ("default", "copied"),
    [
        ("0", "Debian GNU/Linux"),
        ("1>0", "Debian GNU/Linux, with Linux 6.1.0-30-amd64"),
        ("gnulinux-advanced-1>gnulinux-2", ", with Linux"),
        ("no such entry", "Debian GNU/Linux"),
        ("${saved_entry}", ", with Linux"),
    ],
)
def test_the_default_entry_is_the_one_that_is_copied(
    tmp_path: Path, default: str, copied: str
) -> None:
    t = hosts.grub_menu(tmp_path)
    config = (tmp_path / "boot/grub/grub.cfg").read_text()
    t.write("/boot/grub/grub.cfg", config.replace('default="0"', f'default="{default}"'))
    t.write("/boot/grub/grubenv", grub2.grubenv(saved_entry="Advanced options>0"))
    head = observe_boot(t.reader(), trial=True).tried.template.split("--class")[0]
    assert copied in head


def test_a_custom_cfg_of_the_users_survives(tmp_path: Path, spec: Path) -> None:
    t = hosts.grub_menu(tmp_path / "root")
    t.write("/boot/grub/custom.cfg", "set timeout=7")
    before = contents(t.root)
    assert reconcile("apply", t.root, spec).code == 0
    text = (t.root / "boot/grub/custom.cfg").read_text()
    assert text.startswith("set timeout=7\n### BEGIN reconcile trial ###\n")
    t.write("/boot/grub/custom.cfg", text.replace("timeout=7", "timeout=8"))
    (tmp_path / "empty.toml").write_text("version = 1\n")
    assert reconcile("apply", t.root, tmp_path / "empty.toml").code == 0
    after = contents(t.root)
    assert after.pop("boot/grub/custom.cfg").strip() == b"set timeout=8"
    before.pop("boot/grub/custom.cfg")
    assert after == before


def test_savedefault_is_left_out_and_permissions_stay(tmp_path: Path, spec: Path) -> None:
    t = hosts.grub_menu(tmp_path / "root")
    config = (t.root / "boot/grub/grub.cfg").read_text()
    config = config.replace("--class debian", "--class debian --unrestricted --users 'a b'", 1)
    t.write("/boot/grub/grub.cfg", config.replace("{\n\tlinux", "{\n\tsavedefault\n\tlinux", 1))
    assert reconcile("apply", t.root, spec).code == 0
    text = (t.root / "boot/grub/custom.cfg").read_text()
    assert "\tsavedefault\n" not in text
    assert "--unrestricted --users 'a b' --id 'reconcile-trial' {" in text


# -- systemd-boot


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A host with systemd-boot, whose firmware takes bootctl's word."""
    return Bench(hosts.systemd_boot(tmp_path).root)


BOOT: dict[str, Any] = {"boot": {"trial": True, "kernel_args": ARGS}}
ENTRIES = "boot/efi/loader/entries"


def test_an_entry_with_a_counter_started_once(bench: Bench) -> None:
    before = contents(bench.root)
    assert bench.apply(**BOOT).good
    path = f"{ENTRIES}/reconcile-trial+1.conf"
    after = contents(bench.root)
    assert {p for p in after if p.startswith("boot") and after[p] != before.get(p)} == {path}
    text = after[path].decode()
    assert values(text, "sort-key") == ("zz-reconcile",)
    assert [a for a in words(text) if a in ARGS] == ARGS
    assert bench.host.ran == [("bootctl", "set-oneshot", "reconcile-trial*.conf")]
    assert bench.plan(**BOOT).changes == ()
    assert bench.apply().good
    assert contents(bench.root) == before
    assert bench.host.ran[1:] == [("bootctl", "set-oneshot", "")]


def test_confirmed_under_the_name_that_the_loader_gave_it(bench: Bench, tmp_path: Path) -> None:
    bench.apply(**BOOT)
    entries = bench.root / ENTRIES
    args = words((entries / "reconcile-trial+1.conf").read_text())
    (entries / "reconcile-trial+1.conf").rename(entries / "reconcile-trial+0-1.conf")
    (bench.root / ONE_SHOT).unlink()
    boots(bench.root, " ".join(args), "boot-2", by="initrd=\\initrd.img")
    done = run("--confirm", "--root", bench.root, "--format", "json")
    assert done.code == 0, done.err
    assert {c["result"] for c in json.loads(done.out)["changes"]} == {"done"}
    assert [p.name for p in entries.iterdir()] == [f"{esp.TOKEN}-{esp.KERNEL}.conf"]
    assert list(words(next(entries.iterdir()).read_text())[-2:]) == ARGS


@pytest.mark.parametrize(
    ("version", "choice"),
    [("249.11", "reconcile-trial+1.conf"), ("257.13-1~deb13u1", "reconcile-trial*.conf")],
)
def test_the_choice_is_what_that_version_understands(
    tmp_path: Path, version: str, choice: str
) -> None:
    t = hosts.systemd_boot(tmp_path)
    t.write(esp.LOADER_INFO, grub2.efi_variable(f"systemd-boot {version}"))
    assert observe_boot(t.reader(), trial=True).tried.fact("choice") == choice


def test_where_entries_have_no_sort_key_it_has_no_tries(tmp_path: Path) -> None:
    t = hosts.systemd_boot(tmp_path)
    esp.entry(t, "arch.conf", text="title Arch\nlinux /linux\noptions root=/dev/sda2\n")
    assert observe_boot(t.reader(), trial=True).tried.fact("path").endswith("-trial+0.conf")


def test_a_unified_image_gets_an_entry_that_names_it(tmp_path: Path) -> None:
    t = hosts.systemd_boot(tmp_path)
    (tmp_path / f"{ENTRIES}/{esp.TOKEN}-{esp.KERNEL}.conf").unlink()
    esp.image(t, esp.LINE)
    bench = Bench(tmp_path)
    assert bench.apply(**BOOT).good
    text = (tmp_path / ENTRIES / "reconcile-trial+0.conf").read_text()
    assert values(text, "efi") == (f"/EFI/Linux/{esp.TOKEN}-{esp.KERNEL}.efi",)
    assert words(text)[: len(tokens(esp.LINE)) + 2] == (*tokens(esp.LINE), *ARGS)


# -- refused


def _code(spec: Path, root: Path) -> dict[str, str]:
    done = reconcile("plan", root, spec, "--format", "json")
    assert done.code == 3
    found = json.loads(done.out)
    assert found["changes"] == []
    return {f["code"]: f["message"] for f in found["findings"] if f["severity"] == "refuse"}


@pytest.mark.parametrize(
    ("kind", "word"),
    [
        ("btrfs", "btrfs"),
        ("zfs", "zfs"),
        ("LVM-abc", "LVM"),
        ("CRYPT-LUKS2-x", "an encrypted device"),
        ("md", "md RAID"),
    ],
)
@pytest.mark.parametrize("family", ["menu", "bls"])
def test_where_grub_cannot_clear_its_choice(
    tmp_path: Path, spec: Path, family: str, kind: str, word: str
) -> None:
    root = tmp_path / "root"
    t = hosts.grub_menu(root) if family == "menu" else hosts.grub_bls(root)
    t.mounts.clear()
    stacked = t.stacked("md0" if kind == "md" else "dm-0", "sda2", dm="" if kind == "md" else "x")
    home = f"/sys/devices/virtual/block/{stacked}"
    if kind == "md":
        t.write(f"{home}/md/level", "raid1\n")
    elif "-" in kind:
        t.write(f"{home}/dm/uuid", f"{kind}\n")
    t.mount(stacked, "/", kind if kind in ("btrfs", "zfs") else "ext4")
    t.finish()
    before = contents(root)
    found = _code(spec, root)
    assert word in found["grubenv-unwritable"]
    assert reconcile("apply", root, spec).code == 3
    assert contents(root) == before


def test_a_boot_partition_of_its_own_is_what_counts(tmp_path: Path, spec: Path) -> None:
    t = hosts.grub_menu(tmp_path / "root", mount="btrfs")
    t.mount(t.partition("sda", 1), "/boot", "ext4")
    t.finish()
    assert reconcile("apply", t.root, spec).code == 0


def test_loader_entries_want_to_know_what_boot_is_on(tmp_path: Path, spec: Path) -> None:
    t = hosts.grub_bls(tmp_path / "root")
    t.write("/proc/self/mountinfo", "")
    assert "cannot be told" in _code(spec, t.root)["grubenv-unwritable"]


@pytest.mark.parametrize("family", ["menu", "bls", "systemd-boot"])
def test_somebody_elses_choice_is_not_replaced(tmp_path: Path, spec: Path, family: str) -> None:
    root = tmp_path / "root"
    if family == "systemd-boot":
        t = hosts.systemd_boot(root)
        t.write(f"/{ONE_SHOT}", grub2.efi_variable("windows.conf"))
    else:
        t = hosts.grub_menu(root) if family == "menu" else hosts.grub_bls(root)
        folder = "grub" if family == "menu" else "grub2"
        t.write(f"/boot/{folder}/grubenv", grub2.grubenv(next_entry="windows"))
    assert "windows" in _code(spec, root)["trial-busy"]


@pytest.mark.parametrize(
    ("break_it", "word"),
    [
        ("header", "next_entry"),
        ("custom", "custom.cfg"),
        ("efivars", "efivars"),
        ("secure boot", "Secure Boot"),
        ("addons", "loader/addons"),
    ],
)
def test_hosts_that_cannot(tmp_path: Path, spec: Path, break_it: str, word: str) -> None:
    root = tmp_path / "root"
    if break_it in ("header", "custom"):
        t = hosts.grub_menu(root)
        text = (root / "boot/grub/grub.cfg").read_text()
        part = hosts.HEADER if break_it == "header" else hosts.CUSTOM
        t.write("/boot/grub/grub.cfg", text.replace(part, ""))
    else:
        t = hosts.systemd_boot(root)
        (root / f"{ENTRIES}/{esp.TOKEN}-{esp.KERNEL}.conf").unlink()
        esp.image(t, esp.LINE)
        if break_it == "addons":
            t.write("/boot/efi/loader/addons/some.addon.efi", b"MZ")
        else:
            t.write(esp.SECURE_BOOT, b"\6\0\0\0\1")
        if break_it == "efivars":
            (root / "sys/firmware/efi/efivars").rename(root / "sys/firmware/efi/gone")
    assert word in _code(spec, root)["trial-unsupported"]


def test_a_boot_loader_without_trials_refuses_by_itself() -> None:
    ways = {"grub-mkconfig", "grub2", "systemd-boot"}
    assert {n for n in names() if backend(BootState(n, (), ()))} == ways


def test_a_tree_has_no_firmware_to_tell(tmp_path: Path, spec: Path) -> None:
    root = hosts.systemd_boot(tmp_path / "root").root
    assert "firmware" in _code(spec, root)["trial-unsupported"]


def test_without_systemd_or_a_program_it_says_that_nobody_watches(
    tmp_path: Path, spec: Path
) -> None:
    t = hosts.grub_menu(tmp_path / "root")
    (t.root / "usr/local/bin/reconcile").unlink()
    found = json.loads(reconcile("plan", t.root, spec, "--format", "json").out)
    assert "trial-unwatched" in {f["code"] for f in found["findings"]}
    (t.root / "usr/lib/systemd/systemd").unlink()
    found = json.loads(reconcile("plan", t.root, spec, "--format", "json").out)
    assert "trial-unwatched" in {f["code"] for f in found["findings"]}
    (change,) = found["changes"]
    assert not any("systemd" in step.get("path", "") for step in change["steps"])
