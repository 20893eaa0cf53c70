"""Where a distribution keeps GRUB, and what it calls its programs.

Sources: GRUB manual ("Installation": the names are transformed at build time); Fedora's, RHEL's
and openSUSE's packages have ``grub2-`` and /boot/grub2.
"""

from __future__ import annotations

from backends.reader import Reader
from specs.record import Record

_BINS = ("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/sbin", "/bin")


class Family(Record):
    """One naming: ``grub-`` in /boot/grub or ``grub2-`` in /boot/grub2."""

    name: str
    prefix: str
    folder: str
    package: str
    wrappers: tuple[str, ...] = ()  # programs that call mkconfig with the options given to them

    @property
    def config(self) -> str:
        """The generated file that boots."""
        return f"{self.folder}/grub.cfg"

    @property
    def aside(self) -> str:
        """Where it is made and checked first: the same file system, so rename(2) can follow."""
        return f"{self.config}.reconcile"

    @property
    def mkconfig(self) -> str:
        """The program that makes it."""
        return f"{self.prefix}-mkconfig"

    @property
    def script_check(self) -> str:
        """The program that checks its syntax."""
        return f"{self.prefix}-script-check"


UPSTREAM = Family("grub-mkconfig", "grub", "/boot/grub", "grub-common", ("update-grub",))
GRUB2 = Family("grub2", "grub2", "/boot/grub2", "grub2-tools (openSUSE: grub2)")


def program(reader: Reader, name: str) -> str | None:
    """Where a program of GRUB lies, or None."""
    return next((f"{b}/{name}" for b in _BINS if reader.exists(f"{b}/{name}")), None)
