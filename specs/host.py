"""``[host]``: which machine a spec is for."""

from typing import Annotated

from pydantic import Field

from specs.fields import Table, Text

Hostname = Annotated[
    str,
    Text(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9])?", 'a host name such as "kvm-01"'),
]
MachineId = Annotated[
    str, Text(r"[0-9a-fA-F]{32}", "the 32 hex digits of /etc/machine-id", str.lower)
]


class Host(Table):
    """The machine that the spec is for; any other is refused."""

    hostname: Hostname | None = Field(
        default=None,
        description="Name of the machine (/etc/hostname). Without a dot, the part of the "
        "machine's name before its first dot counts.",
        examples=["kvm-01"],
    )
    machine_id: MachineId | None = Field(
        default=None,
        description="Id of the installed system, from /etc/machine-id (machine-id(5)).",
        examples=["4c4c4544004b3510804bb4c04f4a4233"],
    )

    def names(self, hostname: str, machine_id: str | None) -> bool:
        """Whether the machine with this name and id is meant; a spec without either names none."""
        if self.hostname is None and self.machine_id is None:
            return False
        return self.matches_name(hostname) and self.machine_id in (None, machine_id)

    def matches_name(self, hostname: str) -> bool:
        """Whether ``hostname`` agrees with the declared one, where one is declared."""
        if self.hostname is None:
            return True
        wanted, found = self.hostname.lower(), hostname.lower()
        return wanted == (found if "." in wanted else found.partition(".")[0])
