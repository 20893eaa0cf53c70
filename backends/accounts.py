"""Accounts of the host (passwd(5), group(5)); those of a directory service are not among them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from backends.reader import Reader
from specs.record import Record


class Account(Record):
    """A user with its own group, and the names and numbers of all."""

    name: str
    uid: int
    gid: int
    groups: frozenset[str]
    gids: frozenset[int]


class Accounts(Record):
    """Users by name; ``groups`` has the names of all groups."""

    users: tuple[Account, ...]
    groups: frozenset[str]

    def user(self, who: str | int) -> Account | None:
        """The account of a name or of a uid."""
        return next((user for user in self.users if who in (user.name, user.uid)), None)

    def members(self, group: str) -> tuple[str, ...]:
        """Who is in a group."""
        return tuple(sorted(user.name for user in self.users if group in user.groups))


def observe_accounts(reader: Reader) -> Accounts:
    """Both files, as far as they are well-formed."""
    groups = list(_lines(reader, "/etc/group", 4))
    numbers = {name: int(gid) for name, _, gid, _ in groups if gid.isdecimal()}
    members = {name: people.split(",") for name, _, _, people in groups}
    users = []
    for name, _, uid, gid, *_ in _lines(reader, "/etc/passwd", 7):
        if uid.isdecimal() and gid.isdecimal():
            within = {g for g, n in numbers.items() if n == int(gid) or name in members[g]}
            gids = {int(gid), *(numbers[g] for g in within)}
            users.append(Account(name, int(uid), int(gid), frozenset(within), frozenset(gids)))
    return Accounts(tuple(users), frozenset(members))


def passwd_text(accounts: Accounts, groups: Iterable[str]) -> str:
    """passwd(5) again, of the members of some groups alone and with nothing personal in it."""
    named = {name for group in groups for name in accounts.members(group)}
    lines = (f"{u.name}:x:{u.uid}:{u.gid}:::" for u in accounts.users if u.name in named)
    return "".join(f"{line}\n" for line in lines)


def _lines(reader: Reader, path: str, fields: int) -> Iterator[list[str]]:
    for line in (reader.read_text(path) or "").splitlines():
        parts = line.split(":")
        if len(parts) == fields and parts[0]:
            yield parts
