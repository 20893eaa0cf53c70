"""What libvirt says of a host and its domains."""

from __future__ import annotations

from specs.record import Record


class DomainState(Record):
    """One domain. ``inactive`` is its persistent definition, None for a transient domain; ``live``
    is what runs now, None when nothing does; ``saved`` is what its managed-save image would start
    again. None of them has secrets in it."""

    VOLATILE = frozenset({"live", "saved"})

    name: str
    uuid: str
    state: str  # running | paused | shut off | other
    persistent: bool
    autostart: bool
    managed_save: bool
    snapshots: bool
    inactive: str | None
    live: str | None = None
    checkpoints: bool = False
    saved: str | None = None

    @property
    def present(self) -> str | None:
        """What the VM is now, or will be at its next start whatever its definition says."""
        return self.live or self.saved

    @property
    def active(self) -> bool:
        """Whether a QEMU process of it exists."""
        return self.state != "shut off"


class LibvirtState(Record):
    """What was seen through one connection.

    ``reason`` is ``""`` when available, else a stable word: not-asked, no-virsh, no-daemon,
    denied, hung, failed; ``message`` is libvirt's own. ``qemu_user`` is the uid that QEMU runs as.
    """

    uri: str
    reason: str = ""
    message: str = ""
    version: str = ""
    hypervisor: str = ""
    security_models: tuple[str, ...] = ()
    qemu_user: int | None = None
    domains: tuple[DomainState, ...] = ()

    @property
    def available(self) -> bool:
        """Whether libvirt answered."""
        return not self.reason

    def domain(self, name: str) -> DomainState | None:
        """The domain of this name."""
        return next((d for d in self.domains if d.name == name), None)

    def by_uuid(self, uuid: str) -> DomainState | None:
        """The domain of this UUID, whatever its name."""
        return next((d for d in self.domains if d.uuid == uuid), None)
