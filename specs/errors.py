"""The root of the error tree. Raised anywhere, printed in one place (``reconciler.cli``)."""

from __future__ import annotations

from specs.record import Record


class ReconcileError(Exception):
    """A failure that the user can act on; anything else that escapes is a bug.

    ``message`` says what is wrong, ``where`` names the file, TOML path or sysfs path,
    ``hint`` says what to do. ``exit_code`` follows sysexits(3) and the documented table.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class UsageError(ReconcileError):
    """Wrong command line (EX_USAGE)."""

    exit_code = 64


class SpecProblem(Record, order=True):
    """One mistake in one spec file. ``line`` and ``column`` count from 1; 0 is "unknown"."""

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""


class SpecError(ReconcileError):
    """The spec is wrong (EX_DATAERR): every problem of every file, at once."""

    exit_code = 65

    def __init__(self, problems: list[SpecProblem]) -> None:
        super().__init__(f"{len(problems)} problem(s) in the spec")
        self.problems = sorted(problems)
