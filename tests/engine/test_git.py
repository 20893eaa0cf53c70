"""Which commit a spec is of, and whether it was changed since: the real git on real work trees."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from backends.host import Host
from reconciler.git import Version, commit_of, version_of
from tests.cli import run
from tests.simulator.hosts import build


def git(folder: Path, *argv: str) -> str:
    """git in a folder, as somebody without settings."""
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    run = ["git", "-C", str(folder), *who, *argv]
    return subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()


def test_the_commit_of_a_work_tree_and_of_one_that_is_linked_to_it(tmp_path: Path) -> None:
    main, linked = tmp_path / "main", tmp_path / "linked"
    (main / "hosts").mkdir(parents=True)
    spec = main / "hosts/a.toml"
    spec.write_text("version = 1\n")
    assert commit_of(str(spec)) is None
    git(main, "init", "-q")
    assert commit_of(str(spec)) is None
    git(main, "add", ".")
    git(main, "commit", "-qm", "one")
    assert commit_of(str(spec)) == git(main, "rev-parse", "HEAD")
    git(main, "worktree", "add", "-q", str(linked), "-b", "side")
    git(linked, "commit", "-qm", "two", "--allow-empty")
    assert commit_of(str(linked / "hosts/a.toml")) == git(linked, "rev-parse", "HEAD")
    git(main, "pack-refs", "--all")
    assert commit_of(str(linked / "hosts/a.toml")) == git(linked, "rev-parse", "HEAD")
    git(linked, "checkout", "-q", "--detach")
    assert commit_of(str(linked / "hosts/a.toml")) == git(linked, "rev-parse", "HEAD")
    assert commit_of(str(spec)) != git(linked, "rev-parse", "HEAD")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A work tree with a role and a spec, committed."""
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "role.toml").write_text('[limits]\nmemlock = "1G"\n')
    (folder / "host.toml").write_text('version = 1\nextends = ["role.toml"]\n')
    (folder / ".gitignore").write_text("*.local\n")
    git(folder, "init", "-q")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "one")
    return folder


def version(folder: Path, *more: str) -> Version:
    """Of the spec there, which was read from both files, and from more."""
    files = [str(folder / name) for name in ("role.toml", "host.toml", *more)]
    return version_of(Host(), str(folder / "host.toml"), "sha256:0", files)


def _edited(folder: Path) -> None:
    (folder / "role.toml").write_text("# another\n")


def _staged(folder: Path) -> None:
    _edited(folder)
    git(folder, "add", ".")


def _linked(folder: Path) -> None:
    """The spec is a link, and what it leads to was edited."""
    (folder / "host.toml").rename(folder / "real.toml")
    (folder / "host.toml").symlink_to("real.toml")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "two")
    (folder / "real.toml").write_text("version = 1\n")


@pytest.mark.parametrize("change", [_edited, _staged, _linked])
def test_edits_that_are_not_committed_are_seen(tree: Path, change: Callable[[Path], None]) -> None:
    (tree / "somebody-elses.toml").write_text("version = 1\n")
    index = (tree / ".git/index").read_bytes()
    assert version(tree).uncommitted is False
    assert (tree / ".git/index").read_bytes() == index
    change(tree)
    found = version(tree)
    assert (found.commit, found.uncommitted) == (git(tree, "rev-parse", "HEAD"), True)
    git(tree, "commit", "-qam", "all")
    assert version(tree).uncommitted is False


@pytest.mark.parametrize("name", ["vm.xml", "vm.xml.local", "\u00e4 *.xml"])
def test_a_definition_that_git_does_not_keep_is_a_change(tree: Path, name: str) -> None:
    (tree / name).write_text("<domain/>")
    git(tree, "config", "status.showUntrackedFiles", "no")
    assert version(tree).uncommitted is False
    assert version(tree, name).uncommitted is True


def test_files_of_no_work_tree_or_of_another_are_not_asked_about(tree: Path) -> None:
    (tree.parent / "site.toml").write_text("")
    assert version(tree, "../site.toml").uncommitted is False
    alone = version_of(Host(), str(tree.parent / "site.toml"), "sha256:0", [])
    assert alone == Version("sha256:0")


def test_nothing_of_the_work_tree_is_run(tree: Path) -> None:
    program = tree.parent / "monitor"
    program.write_text(f"#!/bin/sh\ntouch {tree.parent}/ran\n")
    program.chmod(0o755)
    git(tree, "config", "core.fsmonitor", str(program))
    (tree / ".git/hooks/post-index-change").write_text(program.read_text())
    (tree / ".git/hooks/post-index-change").chmod(0o755)
    os.utime(tree / "host.toml")
    assert version(tree).uncommitted is False
    assert not (tree.parent / "ran").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="giving folders away needs root")
def test_under_sudo_no_filter_of_the_caller_is_run(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may call this one program as root must not thereby start others as root."""
    (tree / ".gitattributes").write_text("*.toml filter=mine\n")
    git(tree, "config", "filter.mine.clean", f"touch {tree.parent}/ran; cat")
    os.utime(tree / "host.toml", (1, 1))
    for folder, _, files in os.walk(tree):
        for name in (folder, *(os.path.join(folder, f) for f in files)):
            os.lchown(name, 4242, 4242)
    monkeypatch.setenv("SUDO_UID", "4242")
    assert version(tree).uncommitted is None
    assert not (tree.parent / "ran").exists()


def test_where_git_will_not_or_cannot_tell_nothing_is_said(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _edited(tree)
    unknown = Version("sha256:0", git(tree, "rev-parse", "HEAD"))
    with monkeypatch.context() as other:
        other.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
        assert version(tree) == unknown
        other.setenv("GIT_DIR", str(tree / ".git"))  # with which git asks for no owner
        assert version(tree) == unknown
    (tree / "\udcff.xml").touch()
    assert version(tree, "\udcff.xml") == unknown, "no UTF-8: no program is given such a name"
    (tree / ".git/index").write_bytes(b"torn")
    assert version(tree) == unknown


def test_the_history_tells_it(tree: Path) -> None:
    root = tree.parent / "root"
    build("sriov-server", root)
    for memlock in ("1G", "2G"):
        (tree / "role.toml").write_text(f'[limits]\nmemlock = "{memlock}"\n')
        assert run("--apply", tree / "host.toml", "--root", root).code == 0
    clean, changed = json.loads(run("--history", "--root", root, "--format", "json").out)["runs"]
    assert (clean["uncommitted"], changed["uncommitted"]) == (False, True)
    lines = run("--history", "--root", root).out.splitlines()
    commit = f"commit {clean['commit'][:12]}"
    endings = [line.rpartition(", ")[2] for line in lines if commit in line]
    assert endings == [f"{commit})", f"{commit} with changes)"]
