"""``[boot]``: the kernel command line and who writes it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, model_validator

from specs.fields import Items, Table, Text
from specs.problems import Checks, did_you_mean, problem
from specs.values import KernelArg
from specs.values.base import quoted

if TYPE_CHECKING:
    from typing_extensions import Self

LOADERS: tuple[str, ...] = ("auto", "grub2", "grub-mkconfig", "systemd-boot")
"""The names that are always known; whoever has more backends passes them to ``specs.load``."""

Argument = Annotated[
    str, Text(r"[^\x00]*", "a command line argument (it cannot hold a NUL character)")
]


def _known_loader(name: str, info: ValidationInfo) -> str:
    loaders: Sequence[str] = (info.context or {}).get("loaders", LOADERS)
    if name in loaders:
        return name
    known = ", ".join(quoted(loader) for loader in loaders)
    message = f"found {quoted(name)}; expected one of {known}"
    raise problem(message, did_you_mean(name, loaders))


class Boot(Table):
    """Kernel arguments of every boot entry but recovery and rescue ones."""

    loader: Annotated[str, AfterValidator(_known_loader)] = Field(
        default="auto",
        description="Bootloader backend; auto takes the one that this machine boots with.",
        examples=list(LOADERS),
    )
    iommu: Literal["passthrough", "translated"] | None = Field(
        default=None,
        description="How the host's own DMA goes through the IOMMU: passthrough (iommu=pt) or "
        "translated (kernel-parameters.rst). Default: passthrough as soon as a device or VF "
        "needs the IOMMU, else left alone.",
    )
    kernel_args: Items[KernelArg] = Field(
        default=(),
        description="Arguments that every entry has, in this order; recovery and rescue entries "
        "stay as they are.",
        examples=[["mitigations=auto"]],
    )
    absent_kernel_args: Items[KernelArg] = Field(
        default=(),
        description="Arguments that no entry has: NAME (whatever its value) or NAME=VALUE.",
        examples=[["nomodeset"]],
    )
    trial: bool = Field(
        default=False,
        description="true: the next boot tries the new arguments once; unless it is confirmed, "
        "the boot after it has the old ones.",
    )
    trial_minutes: int = Field(
        default=15,
        ge=0,
        le=1440,
        description="Minutes after which a trial boot that nobody has confirmed reboots by itself "
        "into the old configuration; 0: it stays until somebody reboots.",
    )
    resume: bool = Field(
        default=False,
        description="true: a systemd unit goes on after the reboot with what an apply had to "
        "leave for it; at most three boots try, then it gives up.",
    )
    checks: Items[Annotated[Items[Argument], Field(min_length=1)]] = Field(
        default=(),
        description="Commands that must exit 0 before a trial boot is confirmed by itself, each a "
        "list of program and arguments; no shell is involved.",
        examples=[[["ping", "-c1", "192.0.2.1"]]],
    )

    @model_validator(mode="after")
    def _agrees(self) -> "Self":
        """No argument is both wanted and unwanted; no command is an empty name."""
        checks = Checks()
        absent = {arg.key for arg in self.absent_kernel_args}
        for index, arg in enumerate(self.kernel_args):
            if arg.key in absent or (arg.key[0], None) in absent:
                checks.add(
                    ("kernel_args", index),
                    f"{quoted(str(arg))} is wanted here and unwanted in boot.absent_kernel_args",
                )
        for index, argv in enumerate(self.checks):
            if not argv[0].strip():
                checks.add(("checks", index, 0), "found an empty string; expected a program")
        checks.done()
        return self
