"""``[vm.memory]``: the memory of a domain and what backs it (formatdomain, "Memory Backing")."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from specs.fields import Table
from specs.problems import Checks
from specs.values import MemorySize, NodeSet, PageSize

if TYPE_CHECKING:
    from typing_extensions import Self


class Numatune(Table):
    """Host nodes that the memory comes from (<numatune><memory>)."""

    mode: Literal["strict", "preferred", "interleave", "restrictive"] = Field(
        default="strict", description="How binding the nodes are."
    )
    nodeset: NodeSet = Field(description="Host NUMA nodes.")


class Memory(Table):
    """Memory of the domain."""

    size: MemorySize | None = Field(
        default=None, description="Memory at start, all of it from the start on."
    )
    hugepages: PageSize | None = Field(
        default=None, description="Size of the huge pages that back the memory; all of it."
    )
    numatune: Numatune | None = Field(default=None, description="Host NUMA nodes of the memory.")
    locked: bool | None = Field(
        default=None, description="true: the host may not swap the memory out (<locked/>)."
    )
    nosharepages: bool | None = Field(
        default=None, description="true: the host may not merge equal pages (<nosharepages/>)."
    )
    source: Literal["anonymous", "memfd", "file"] | None = Field(
        default=None, description="Kind of memory (<source type=>)."
    )
    access: Literal["shared", "private"] | None = Field(
        default=None,
        description="Whether other processes may map it (<access mode=>), as virtiofs needs.",
    )
    allocation: Literal["immediate", "ondemand"] | None = Field(
        default=None, description="When the host provides it (<allocation mode=>)."
    )

    @model_validator(mode="after")
    def _agrees(self) -> "Self":
        """The memory is a whole number of its pages."""
        checks = Checks()
        if self.size and self.hugepages and self.size.bytes % self.hugepages.bytes:
            whole = -(-self.size.bytes // self.hugepages.bytes) * self.hugepages.bytes
            checks.add(
                ("size",),
                f"{self.size} is no multiple of the page size {self.hugepages}",
                f'write size = "{MemorySize(whole)}"',
            )
        checks.done()
        return self
