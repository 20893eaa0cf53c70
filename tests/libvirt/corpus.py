"""Definitions of other people through the real driver: changed as a spec says, and given back.

By hand, over any folder of definitions: ``python -m tests.libvirt.corpus FOLDER``.
"""

from __future__ import annotations

import difflib
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from backends.formats import domain_xml
from backends.libvirt import DomainState
from backends.steps import DefineDomain
from reconciler.domains import changes
from reconciler.domains.changes import Target
from reconciler.domains.record import records
from reconciler.model import Change
from reconciler.ownership import Owned
from tests.libvirt.daemon import Daemon, fitted, start
from tests.libvirt.unowned import unowned
from tests.libvirt.wishes import WISHES

LIMIT = "machine type limit"
RIGHT = "changed right, restored right"


@dataclass
class Table:
    """What became of each definition, by wish; ``wrong`` has what a reader of a failure needs."""

    files: int = 0
    defined: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    unstable: list[str] = field(default_factory=list)

    def count(self, wish: str, what: str) -> None:
        """One more of these."""
        self.counts.setdefault(wish, Counter())[what] += 1

    def lines(self) -> Iterable[str]:
        """For people."""
        yield f"{self.files} files, {self.defined} of them defined by the driver"
        for wish, count in self.counts.items():
            yield f"  {wish}: " + ", ".join(f"{n} {what}" for what, n in sorted(count.items()))
        for name in self.killed:
            yield f"  {name}: libvirtd itself died of it"
        for name in self.unstable:
            yield f"  {name}: libvirtd does not take back what it printed"


@dataclass
class Trial:
    """One definition. ``before`` is as libvirt itself leaves it: some it changes when it is given
    back what it printed (console ports, order of controllers)."""

    daemon: Daemon
    uuid: str
    before: str
    secure: str

    def state(self, text: str) -> DomainState:
        """The domain with this definition, as an observation has it."""
        name = domain_xml.name(text)
        return DomainState(name, self.uuid, "shut off", True, False, False, False, text)

    def run(self, wish: Mapping[str, str]) -> str:
        """What became of it; what must not be is an AssertionError."""
        fatal = [c for c in _conflicts(self.before, wish) if c.fatal]
        if fatal:
            return f"refused ({fatal[0].code})"
        state = self.state(self.before)
        target = Target("vm[0]", state.name, wish)
        change = changes.existing(state, target, None)
        if change is None:
            return "as wanted before"
        owned = Owned().with_claims(change.claims)
        try:
            changed = self.state(self._define(change)[0])
        except AssertionError as e:
            # How many vCPUs a machine type can have only libvirt knows: the change fails, and
            # nothing is touched.
            if LIMIT in str(e) and self.daemon.dump(self.uuid).rstrip() == self.before.rstrip():
                return f"refused by libvirt ({LIMIT})"
            raise
        record = records(owned)[self.uuid]
        again = changes.existing(changed, target, record)
        assert again is None, f"a second run has something to do: {again}"
        left, was = unowned(changed.inactive or "", self.before, wish)
        assert left == was, f"more than what is owned has changed:\n{diff(was, left)}"
        back = changes.undone(changed, record)
        assert back is not None, "nothing to undo"
        assert owned.with_claims(back.claims).sections == {}, "something is still owned"
        restored, secure = self._define(back)
        assert restored == self.before, f"not restored:\n{diff(self.before, restored)}"
        assert secure == self.secure, "a secret is not what it was"
        return RIGHT

    def _define(self, change: Change) -> tuple[str, str]:
        """What libvirt makes of the change's definition, without and with secrets."""
        (step,) = change.steps
        assert isinstance(step, DefineDomain)
        xml = domain_xml.merge(step.xml or "", self.secure)
        return self.daemon.redefine(self.uuid, xml), self.daemon.secure


def _conflicts(xml: str, wish: Mapping[str, str]) -> list[domain_xml.Conflict]:
    return domain_xml.conflicts(domain_xml.parse(xml), wish, completed=True)


def diff(a: str, b: str) -> str:
    """What a reader of a failure wants to see."""
    return "\n".join(list(difflib.unified_diff(a.splitlines(), b.splitlines(), lineterm=""))[:40])


def files(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and text of every definition in a folder, fitted to this machine."""
    for path in sorted(folder.rglob("*.xml")):
        yield path.name, fitted(path.read_bytes().decode("utf-8", "replace"))


def try_all(
    daemon: Daemon, definitions: Iterable[tuple[str, str]], wishes: Iterable[str] = WISHES
) -> Table:
    """Every definition with every wish."""
    table = Table()
    for name, xml in definitions:
        table.files += 1
        uuid = daemon.define(xml)
        if not daemon.alive():
            table.killed.append(name)
            daemon.launch()
        elif uuid:
            _try_one(daemon, name, uuid, table, wishes)
            daemon.virsh("undefine", "--nvram", uuid)
    return table


def _try_one(daemon: Daemon, name: str, uuid: str, table: Table, wishes: Iterable[str]) -> None:
    try:
        before = daemon.redefine(uuid, daemon.dump(uuid, "--security-info"))
    except AssertionError:
        table.unstable.append(name)
        return
    secure = daemon.secure
    table.defined += 1
    for wish in wishes:
        try:
            table.count(wish, Trial(daemon, uuid, before, secure).run(WISHES[wish].properties()))
        except AssertionError as e:
            table.count(wish, "WRONG")
            table.wrong.append(f"{name}, {wish}: {e}")
            print(table.wrong[-1], file=sys.stderr, flush=True)
            daemon.redefine(uuid, secure)


def main(folder: str) -> int:
    """Print the table of a folder, and what went wrong."""
    with tempfile.TemporaryDirectory(prefix="reconcile-libvirt-") as place:
        daemon = start(Path(place))
        try:
            table = try_all(daemon, files(Path(folder)))
        finally:
            daemon.clear()
            daemon.stop()
    print(*table.lines(), *table.wrong, sep="\n")
    return 1 if table.wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
