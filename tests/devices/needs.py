"""Trees whose needs are observed, and the uses in words."""

from __future__ import annotations

from backends.needs import Needs, observe_needs
from backends.pci import observe_pci
from tests.simulator.tree import TreeBuilder


def needs_of(tree: TreeBuilder, ssh: str | None = None) -> Needs:
    """Observe the finished tree."""
    reader = tree.reader()
    return observe_needs(reader, observe_pci(reader), ssh_connection=ssh)


def said(needs: Needs) -> dict[str, list[str]]:
    """Uses in words, by function."""
    known = sorted({*needs.uses, *needs.passing})
    return {str(address): [str(use) for use in needs.of(address)] for address in known}


def controllers(tree: TreeBuilder, *bdfs: str) -> list[str]:
    """Plain storage controllers at these addresses."""
    return [tree.function(bdf, "0x010601", "8086:a102", driver="ahci") for bdf in bdfs]


def nics(tree: TreeBuilder, *bdfs: str) -> list[str]:
    """eth0, eth1 ... on these functions, below a root file system in memory."""
    tree.mount("tmpfs", "/", "tmpfs")
    return [
        tree.nic(f"eth{n}", tree.function(bdf, "0x020000", "8086:1533", driver="igb"))
        for n, bdf in enumerate(bdfs)
    ]
