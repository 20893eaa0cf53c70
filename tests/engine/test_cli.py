"""The command line: modes, operands, exit codes, and errors that a person can act on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler import __version__
from tests.cli import run
from tests.simulator.hosts import build

GPU = """version = 1
[[device]]
name = "gpu"
address = "0000:01:00.0"
id = "10de:2489"
accept_siblings = ["0000:01:00.1"]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The Intel workstation as a tree."""
    build("intel-workstation", tmp_path / "root")
    return tmp_path / "root"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    """A spec for its graphics card."""
    path = tmp_path / "host.toml"
    path.write_text(GPU)
    return path


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ([], "a mode is missing"),
        (["--plan", "--apply"], "one mode at a time"),
        (["--plan", "a", "b"], "one too many: reconcile --plan [SPEC]"),
        (["--validate"], "needs a spec"),
        (["--apply", ""], "empty name"),
        (["--plan", "--root", ""], "no such folder"),
        (["--capture"], "needs the file to write"),
        (["--schema", "x"], "one too many: reconcile --schema"),
        (["--plan", "--root", "/", "--state", "x"], "exclude"),
        (["--apply", "--state", "x"], "cannot be changed"),
        (["--apply", "--out", "x"], "--out goes with --plan"),
        (["--plan", "--root", "/no/such/folder"], "no such folder"),
        (["--plan", "--format", "yaml"], "expected one of text"),
        (["--pla"], "unknown option --pla"),
        (["--plan", "a", "--out"], "--out needs a value: --out FILE"),
        (["--plan", "a", "--strict=1"], "--strict takes no value"),
    ],
)
def test_wrong_usage(argv: list[str], words: str) -> None:
    ran = run(*argv)
    assert ran.code == 64
    assert words in ran.err
    assert ran.out == ""


def test_version_and_help() -> None:
    assert run("--version").out == f"reconcile {__version__}\n"
    shown = run("--help")
    assert shown.code == 0
    for word in ("--plan", "--apply", "--detailed-exitcode", "exit codes"):
        assert word in shown.out


def test_exit_codes_of_a_plan(root: Path, spec: Path, tmp_path: Path) -> None:
    assert run("--plan", spec, "--root", root).code == 0
    assert run("--plan", spec, "--root", root, "--detailed-exitcode").code == 2
    assert run("--plan", spec, "--root", root, "--strict").code == 3
    empty = tmp_path / "empty.toml"
    empty.write_text("version = 1\n")
    assert run("--plan", empty, "--root", root, "--detailed-exitcode").code == 0


def test_options_may_stand_anywhere(root: Path, spec: Path) -> None:
    first = run("--plan", "--root", root, "--format", "json", spec)
    last = run("--root", root, "--format", "json", "--plan", spec)
    assert first.code == 0
    assert first.out == last.out


def test_a_plan_writes_nothing(root: Path, spec: Path) -> None:
    def snapshot() -> list[tuple[str, int]]:
        return sorted(
            (f, os.stat(os.path.join(d, f)).st_mtime_ns) for d, _, n in os.walk(root) for f in n
        )

    before = snapshot()
    run("--plan", spec, "--root", root)
    assert snapshot() == before


def test_the_plan_as_json_is_the_contracts(root: Path, spec: Path) -> None:
    plan = json.loads(run("--plan", spec, "--root", root, "--format", "json").out)
    assert plan["format_version"] == 1
    assert plan["host"]["hostname"] == "workshop"
    assert plan["host"]["bootloader"] == "grub-mkconfig"
    assert set(plan["summary"]) == {"changes", "now", "vm_restart", "reboot"}
    for change in plan["changes"]:
        assert {"id", "kind", "object", "field", "before", "after", "because"} <= set(change)
        assert change["effective"] in ("now", "vm-restart", "reboot")
        assert all(
            step["do"] in ("write", "remove", "rename", "attribute", "run")
            for step in change["steps"]
        )
    kinds = [change["kind"] for change in plan["changes"]]
    assert kinds.count("kernel-args") == 1
    assert kinds.count("initramfs") == 1


def test_saved_plan_and_no_colour_in_a_pipe(root: Path, spec: Path, tmp_path: Path) -> None:
    out = tmp_path / "plan.json"
    shown = run("--plan", spec, "--root", root, "--out", out)
    assert "\x1b" not in shown.out
    assert json.loads(out.read_text())["spec"]["path"] == str(spec)


@pytest.mark.parametrize(
    ("named", "machine", "code"),
    [
        ("workshop", "workshop.example.org", 0),
        ("WorkShop", "workshop", 0),
        ("workshop.example.org", "workshop.example.org", 0),
        ("workshop.example.org", "workshop", 3),
    ],
)
def test_the_right_host_by_one_rule(
    root: Path, tmp_path: Path, named: str, machine: str, code: int
) -> None:
    """The rule by which the spec is found in a folder is that by which it is refused."""
    (root / "proc/sys/kernel/hostname").write_text(f"{machine}\n")
    (tmp_path / "specs").mkdir()
    spec = tmp_path / "specs/a.toml"
    spec.write_text(f'version = 1\n[host]\nhostname = "{named}"\n')
    assert run("--plan", spec, "--root", root).code == code
    assert run("--plan", spec.parent, "--root", root).code == (65 if code else 0)


def test_the_wrong_host_is_refused(root: Path, tmp_path: Path) -> None:
    spec = tmp_path / "other.toml"
    spec.write_text('version = 1\n[host]\nhostname = "other"\n')
    ran = run("--plan", spec, "--root", root)
    assert ran.code == 3
    assert "wrong-host" in ran.out
    assert "workshop" in ran.out


@pytest.mark.parametrize(
    ("table", "code", "words"),
    [
        ('address = "0000:01:00.0"', "group-not-viable", "0000:01:00.1"),
        ('address = "0000:07:00.0"', "device-missing", "0000:07:00.0"),
        ('address = "0000:02:00.0"\nid = "10de:2489"', "device-mismatch", "0000:01:00.0"),
        ('id = "ffff:ffff"', "device-missing", "ffff:ffff"),
        ('address = "0000:02:00.0"', "device-in-use", "/"),
        ('address = "0000:00:1f.6"', "device-in-use", "eno1"),
    ],
)
def test_refusals(root: Path, tmp_path: Path, table: str, code: str, words: str) -> None:
    for path in root.glob("sys/devices/pci0000:00/0000:00:01.0/0000:01:00.*"):
        group = root / "sys/kernel/iommu_groups/1"
        (group / "devices").mkdir(parents=True, exist_ok=True)
        (path / "iommu_group").symlink_to(group)
        (group / "devices" / path.name).symlink_to(path)
    spec = tmp_path / "spec.toml"
    spec.write_text(f'version = 1\n[[device]]\nname = "x"\n{table}\n')
    ran = run("--plan", spec, "--root", root, "--format", "json")
    assert ran.code == 3
    found = {f["code"]: f for f in json.loads(ran.out)["findings"] if f["severity"] == "refuse"}
    assert code in found
    assert words in found[code]["message"]


@pytest.mark.parametrize("more", [[], ["-v", "--format", "json"]])
def test_what_was_done_is_told_by_the_exit_code_where_nobody_reads(
    root: Path, tmp_path: Path, more: list[str]
) -> None:
    wanted = tmp_path / "limits.toml"
    wanted.write_text('version = 1\n[limits]\nmemlock = "1G"\n')
    read, write = os.pipe()
    os.close(read)
    argv = [sys.executable, "-m", "reconciler", "--apply", str(wanted), "--root", str(root), *more]
    # As users have it: what is printed waits in a buffer, and would be printed again at the end.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(argv, stdout=write, stderr=subprocess.PIPE, text=True, env=env)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "[1/1] /etc/security/limits.d/reconcile.conf\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("mode", ["--plan", "--inspect", "--init"])
def test_a_locale_without_our_letters_shows_others(
    root: Path, spec: Path, mode: str, encoding: str
) -> None:
    argv = [sys.executable, "-m", "reconciler", mode, "--root", str(root)]
    argv += [str(spec)] if mode == "--plan" else []
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(argv, env=env, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode(encoding)
    if mode == "--inspect":
        page = subprocess.run([*argv, "--format", "html"], env=env, capture_output=True, check=True)
        assert '<meta charset="utf-8">' in page.stdout.decode("utf-8")
        assert "·" in page.stdout.decode("utf-8")


def test_the_spec_of_a_tree_lies_in_it(root: Path, spec: Path) -> None:
    (root / "etc/reconcile").mkdir()
    (root / "etc/reconcile/host.toml").symlink_to("/srv/spec.toml")
    (root / "srv").mkdir()
    (root / "srv/spec.toml").write_text(GPU)
    ran = run("--plan", "--root", root, "--format", "json")
    assert ran.code == 0
    assert json.loads(ran.out)["spec"]["path"] == str(root / "srv/spec.toml")


def test_validate_all_files_at_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text('version = 1\n[[device]]\nnam = "x"\n')
    ran = run("--validate", tmp_path / "a.toml", tmp_path / "b.toml")
    assert ran.code == 65
    assert f"{tmp_path}/a.toml:3:1" in ran.err
    assert f"{tmp_path}/b.toml:3:1" in ran.err
    assert "name" in ran.err


def test_a_capture_that_is_none(tmp_path: Path, spec: Path) -> None:
    for content in ("", "[]", '{"format": "x"}', "\x00"):
        (tmp_path / "c.json").write_text(content)
        assert run("--plan", spec, "--state", tmp_path / "c.json").code == 65
    # As for a spec or a root: what is not there to be read is a mistake of the command line.
    assert run("--plan", spec, "--state", tmp_path / "none.json").code == 64
    assert run("--plan", spec, "--state", tmp_path).code == 64


def test_hostile_names_do_not_reach_the_terminal(root: Path, tmp_path: Path) -> None:
    (root / "proc/sys/kernel/hostname").write_text("x\x1b[2Jy\n")
    spec = tmp_path / "s.toml"
    spec.write_text("version = 1\n")
    assert "\x1b" not in run("--plan", spec, "--root", root).out


def test_a_stale_plan_is_refused_and_says_what_changed(
    root: Path, spec: Path, tmp_path: Path
) -> None:
    saved = tmp_path / "plan.json"
    assert run("--plan", spec, "--root", root, "--out", saved).code == 0
    (root / "etc/default/grub").write_text('GRUB_CMDLINE_LINUX_DEFAULT="quiet splash"\n')
    ran = run("--apply", saved, "--root", root, "--format", "json")
    assert ran.code == 3
    finding = json.loads(ran.out)["findings"][0]
    assert (finding["severity"], finding["code"]) == ("refuse", "stale-plan")
    assert "splash" in finding["message"]
    assert not (root / "var/lib/reconcile/runs").exists()


def test_an_edited_plan_is_refused(root: Path, spec: Path, tmp_path: Path) -> None:
    saved = tmp_path / "plan.json"
    assert run("--plan", spec, "--root", root, "--out", saved).code == 0
    plan = json.loads(saved.read_text())
    plan["changes"][0]["steps"].append(
        {"do": "write", "path": "/etc/cron.d/x", "mode": "0644", "content": "* * * * * root x\n"}
    )
    saved.write_text(json.dumps(plan))
    ran = run("--apply", saved, "--root", root)
    assert ran.code == 3
    assert "stale-plan" in ran.out
    assert "it was edited" in " ".join(ran.out.split())
    assert not (root / "etc/cron.d").exists()


@pytest.mark.parametrize("text", ["{}", '{"format_version": 2}', '{"format_version": 1}', "{"])
def test_a_plan_that_is_none(root: Path, tmp_path: Path, text: str) -> None:
    saved = tmp_path / "plan.json"
    saved.write_text(text)
    ran = run("--apply", saved, "--root", root)
    assert ran.code == 65
    assert "not a plan" in ran.err


def test_a_trial_boot_that_cannot_be_is_not_made_permanent_instead(
    root: Path, tmp_path: Path
) -> None:
    spec = tmp_path / "trial.toml"
    spec.write_text('version = 1\n[boot]\ntrial = true\nkernel_args = ["iommu=pt"]\n')
    ran = run("--apply", spec, "--root", root)
    assert ran.code == 3
    assert "trial-unsupported" in ran.out  # its grub.cfg has no 00_header
    assert not (root / "etc/default/grub.d/zz-reconcile.cfg").exists()


@pytest.mark.parametrize("module", ["reconciler", "reconciler.cli"])
def test_a_module_is_the_command_too(module: str) -> None:
    argv = [sys.executable, "-m", module, "--version"]
    done = subprocess.run(
        argv, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("reconcile ")
