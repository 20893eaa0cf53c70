"""``[hugepages]``: pools of huge pages."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field, model_validator

from specs.fields import Items, Table
from specs.problems import Checks
from specs.values import PageSize

if TYPE_CHECKING:
    from typing_extensions import Self

_GIGANTIC = PageSize.parse("1G")


class HugepagePool(Table):
    """Pages of one size, of the whole machine or of one NUMA node (mm/hugetlbpage.rst)."""

    size: PageSize = Field(description="Size of a page, one that the CPU has: on x86 2M and 1G.")
    count: Annotated[int, Field(ge=0, le=2**40)] = Field(
        description="Number of pages.", examples=[16]
    )
    node: Annotated[int, Field(ge=0, le=1023)] | None = Field(
        default=None,
        description="NUMA node; without it the kernel spreads the pages over the nodes.",
        examples=[0],
    )
    boot: bool | None = Field(
        default=None,
        description="true: reserved at boot, by kernel arguments; false: grown at run time, and "
        "again at each start. Default: true from 1G on, false below.",
    )

    @property
    def at_boot(self) -> bool:
        """``boot``, with its default."""
        return self.size >= _GIGANTIC if self.boot is None else self.boot


class Hugepages(Table):
    """Huge pages of the host; what VMs take from them is said in each VM."""

    default_size: PageSize | None = Field(
        default=None, description="Size that programs get which ask for none (default_hugepagesz=)."
    )
    pages: Items[HugepagePool] = Field(default=(), description="The pools, one per size and node.")

    @model_validator(mode="after")
    def _agrees(self) -> "Self":
        """One pool per size and node; a size is counted either per node or as a whole."""
        checks = Checks()
        seen: dict[tuple[PageSize, int | None], int] = {}
        per_node: dict[PageSize, bool] = {}
        for index, pool in enumerate(self.pages):
            at = (pool.size, pool.node)
            if at in seen:
                place = "" if pool.node is None else f" on node {pool.node}"
                other = f"hugepages.pages[{seen[at]}]"
                both = self.pages[seen[at]].count + pool.count
                checks.add(
                    ("pages", index),
                    f"pages of {pool.size}{place} are in {other} too",
                    f"write one of them, with count = {both} if both numbers are meant",
                )
            elif per_node.setdefault(pool.size, pool.node is not None) != (pool.node is not None):
                checks.add(
                    ("pages", index),
                    f"pages of {pool.size} are declared both with and without a node",
                    "write node = N in every pool of this size, or in none",
                )
            seen.setdefault(at, index)
        checks.done()
        return self
