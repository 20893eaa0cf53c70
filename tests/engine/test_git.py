"""Which commit a spec is of, read without starting git; the real git makes the repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

from reconciler.git import commit_of


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
