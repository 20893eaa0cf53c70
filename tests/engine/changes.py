"""Changes and a plan of the tests' own making."""

from __future__ import annotations

from backends.steps import Step, WriteFile
from reconciler.model import Change, Claim, Plan

EMPTY = Plan(host={}, spec_path="/s.toml", spec_digest="sha256:0", state_digest="sha256:1")


def change(
    name: str, *steps: Step, requires: str = "", group: str = "", claims: tuple[Claim, ...] = ()
) -> Change:
    """A change that puts NAME into /etc/NAME, unless told other steps."""
    return Change(
        id=name,
        kind="file",
        object=f"/etc/{name}",
        field="content",
        before=None,
        after=name,
        because="test",
        steps=steps or (WriteFile(f"/etc/{name}", name.encode()),),
        requires=frozenset(requires.split()),
        group=group,
        claims=claims,
    )
