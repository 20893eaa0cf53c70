"""What a property of a domain is: where it lives, its normalised value, how it is set and undone.

Values are canonical text, so that two notations of one thing are equal: ``1048576`` KiB is ``1G``,
``0,1`` is ``0-1``. None means that the element is not there.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from backends.formats.domain_xml import tree

if TYPE_CHECKING:
    from lxml.etree import _Element


class Property(Protocol):
    """One owned property. ``item`` names the object of those that a domain has many of."""

    def read(self, domain: _Element, item: str) -> str | None:
        """The normalised value, or None."""

    def write(self, domain: _Element, item: str, value: str) -> None:
        """Make the value so, and touch nothing else."""

    def restore(self, domain: _Element, before: _Element, item: str) -> None:
        """Make it what it is in ``before``, and touch nothing else."""

    def same(self, domain: _Element, item: str, wanted: str) -> bool:
        """Whether the domain has what is wanted already."""


class Base:
    """The comparison most properties share."""

    def read(self, domain: _Element, item: str) -> str | None:
        """See Property."""
        raise NotImplementedError

    def same(self, domain: _Element, item: str, wanted: str) -> bool:
        """See Property."""
        return self.read(domain, item) == wanted


@dataclass(frozen=True)
class Attribute(Base):
    """One attribute of one element, such as ``memoryBacking/source`` ``type``."""

    path: str
    name: str
    also: tuple[tuple[str, str], ...] = ()

    def read(self, domain: _Element, item: str) -> str | None:
        """See Property."""
        node = domain.find(self.path)
        return None if node is None else node.get(self.name)

    def write(self, domain: _Element, item: str, value: str) -> None:
        """See Property."""
        node = tree.ensure(domain, self.path)
        node.set(self.name, value)
        for name, fixed in self.also:
            node.set(name, fixed)

    def restore(self, domain: _Element, before: _Element, item: str) -> None:
        """See Property."""
        for name in (self.name, *(name for name, _ in self.also)):
            restore_attribute(domain, before, self.path, name)
        tree.prune(domain, self.path, before)


@dataclass(frozen=True)
class Flag(Base):
    """An empty element whose presence means "on", such as ``memoryBacking/locked``."""

    path: str

    def read(self, domain: _Element, item: str) -> str | None:
        """See Property."""
        return "no" if domain.find(self.path) is None else "yes"

    def write(self, domain: _Element, item: str, value: str) -> None:
        """See Property."""
        if value == "yes":
            tree.ensure(domain, self.path)
        else:
            for node in domain.findall(self.path):
                tree.drop(node)

    def restore(self, domain: _Element, before: _Element, item: str) -> None:
        """See Property."""
        replace_elements(domain, before, self.path)


@dataclass(frozen=True)
class Bag(Base):
    """Several attributes of one element, as ``name=value`` words; ``defaults`` are left out.

    Only the words that are wanted are compared.
    """

    path: str
    names: tuple[str, ...]
    defaults: tuple[tuple[str, str], ...] = ()

    def read(self, domain: _Element, item: str) -> str | None:
        """See Property."""
        node = domain.find(self.path)
        if node is None:
            return None
        known = {name: node.get(name) for name in self.names}
        return bag_text({n: v for n, v in known.items() if v is not None})

    def same(self, domain: _Element, item: str, wanted: str) -> bool:
        """See Property."""
        found = {**dict(self.defaults), **bag(self.read(domain, item))}
        return all(found.get(name) == value for name, value in bag(wanted).items())

    def write(self, domain: _Element, item: str, value: str) -> None:
        """See Property."""
        node = tree.ensure(domain, self.path)
        for name, word in bag(value).items():
            node.set(name, word)

    def restore(self, domain: _Element, before: _Element, item: str) -> None:
        """See Property."""
        replace_elements(domain, before, self.path)


def bag(text: str | None) -> dict[str, str]:
    """``sockets=1 cores=4`` as a dict."""
    pairs = (word.partition("=") for word in (text or "").split())
    return {name: value for name, _, value in pairs}


def bag_text(values: dict[str, str]) -> str:
    """The inverse of ``bag``."""
    return " ".join(f"{name}={value}" for name, value in values.items())


def restore_attribute(domain: _Element, before: _Element, path: str, name: str) -> None:
    """Give the attribute the value that it has in ``before``, or take it away."""
    node, old = domain.find(path), before.find(path)
    value = None if old is None else old.get(name)
    if value is not None:
        tree.ensure(domain, path).set(name, value)
    elif node is not None and name in node.attrib:
        del node.attrib[name]


def replace_elements(domain: _Element, before: _Element, path: str) -> None:
    """Put the elements at ``path`` in ``before`` in the place of those in ``domain``."""
    for node in domain.findall(path):
        tree.drop(node)
    parent, _, _ = path.rpartition("/")
    for old in before.findall(path):
        tree.place(tree.ensure(domain, parent), copy.deepcopy(old))
    if parent:
        tree.prune(domain, parent, before)
