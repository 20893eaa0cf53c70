"""``[limits]``: what processes of VMs may use."""

from pydantic import Field

from specs.fields import Table, UnlimitedOrSize


class Limits(Table):
    """Resource limits, where libvirt does not set them itself."""

    memlock: UnlimitedOrSize | None = Field(
        default=None,
        description="Locked memory per process for the kvm group (limits.conf(5)): unlimited, or "
        "a size. libvirt sets the limit of its own VMs by itself.",
        examples=["unlimited", "64G"],
    )
