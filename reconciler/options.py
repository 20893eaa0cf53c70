"""The command line as data: the parser, ``--help``, the man page and completion come from it."""

from __future__ import annotations

from collections.abc import Iterator

from specs.record import Record

SUMMARY = "make a KVM host what its spec says"
FORMATS = ("text", "json", "markdown", "html")
WIDTH = 80
_COLUMN = 40  # where the second of two short options begins


class Mode(Record):
    """``takes`` is what stands behind the mode, as the page shows it."""

    name: str
    takes: str
    text: str

    @property
    def shown(self) -> str:
        """``--plan [SPEC]``."""
        return f"--{self.name} {self.takes}".rstrip()


class Option(Record):
    """``value`` names what the option takes, empty for a switch; ``more`` is for the man page."""

    flags: tuple[str, ...]
    value: str
    text: str
    more: str = ""

    @property
    def shown(self) -> str:
        """``-v, --verbose`` or ``--root DIR``."""
        return f"{', '.join(self.flags)} {self.value}".rstrip()


MODES = (
    Mode("plan", "[SPEC]", "show what --apply would do, in order, and why"),
    Mode("apply", "[SPEC|PLAN]", "do it, verify each change, keep a journal"),
    Mode("inspect", "", "what this host is: readiness, devices, CPUs, boot, VMs"),
    Mode("validate", "SPEC...", "check specs (files, folders) with no host at all"),
    Mode("init", "", "print a spec that describes this host as it is"),
    Mode("capture", "FILE", "record everything that a plan reads from this host"),
    Mode("rollback", "[RUN]", "undo a run (default: the last) from its journal"),
    Mode("history", "", "the runs on this host"),
    Mode("confirm", "", "end a trial boot: its configuration becomes permanent"),
    Mode("schema", "", "print the spec's JSON Schema"),
)

OPTIONS = (
    Option(
        ("--root",),
        "DIR",
        "the host's files are under DIR (default /)",
        "Everything stays inside DIR: absolute symlinks are resolved inside it, programs run in a "
        "chroot of it. For installer targets, image builds and captured trees.",
    ),
    Option(
        ("--state",),
        "FILE",
        "observe this capture, not this machine",
        "For --plan, --inspect and --init: FILE is what --capture recorded.",
    ),
    Option(
        ("--for",),
        "DEVICE",
        "--init: for a VM",
        "With --init: a spec that gives this device to a VM.",
    ),
    Option(
        ("--format",),
        "FORMAT",
        ", ".join(FORMATS),
        "Of what is printed on standard output; messages and progress go to standard error. "
        "Markdown is for a pull request, HTML (of --plan and --inspect) for a wiki.",
    ),
    Option(
        ("--connect",),
        "URI",
        "libvirt, or none",
        "Default: qemu:///system; with --root none, which leaves libvirt out; with --state what "
        "the capture was taken with.",
    ),
    Option(
        ("--out",),
        "FILE",
        "save the plan too",
        "--apply FILE then does exactly that plan, or refuses if the host has changed since.",
    ),
    Option(("--strict",), "", "warnings refuse too"),
    Option(("--detailed-exitcode",), "", "exit 2, 4 too", "So that a script can tell."),
    Option(
        ("--again",),
        "",
        "retry a trial",
        "--apply: kernel arguments whose trial boot failed are tried once more.",
    ),
    Option(
        ("--checked",),
        "",
        "when checks pass",
        "--confirm: what the trial boot made possible is done, then its checks are waited for.",
    ),
    Option(
        ("--resume",),
        "",
        "what was left",
        "--apply: what the last apply had to leave for this boot. For the unit of boot.resume.",
    ),
    Option(
        ("--yes",),
        "",
        "do not ask",
        "--apply asks only where standard input and output are a terminal.",
    ),
    Option(("--no-color",), "", "plain, like NO_COLOR"),
    Option(
        ("-v", "--verbose"),
        "",
        "also steps and diffs",
        "Every step, a unified diff of each file, notes, and what is already as wanted with the "
        "reason.",
    ),
    Option(
        ("-q", "--quiet"),
        "",
        "findings and the sum",
        "No progress, no list of changes: what is refused, warned of or failed, and the last line.",
    ),
    Option(("-h", "--help"), "", "this page"),
    Option(("--version",), "", "the version"),
)

EXIT_CODES = (
    (0, "done", "done, nothing wrong"),
    (1, "failed", "a change failed or could not be verified, and what needed it was skipped"),
    (2, "changes", "--detailed-exitcode: there are changes to make"),
    (3, "refused", "applying the spec here would be unsafe or impossible; nothing was touched"),
    (4, "reboot", "--detailed-exitcode: in sync but for what a reboot or a VM's restart brings"),
    (64, "usage", "wrong usage"),
    (65, "bad spec", "the spec, plan or capture is wrong"),
    (75, "locked", "another run, or a package manager, is at work"),
    (77, "needs root", "needs root"),
)


def page() -> str:
    """What ``--help`` prints: one screen of 80 by 24, with the prompt below it."""
    lines = [f"usage: reconcile MODE [SPEC] [options]   {SUMMARY}"]
    wide = max(len(mode.shown) for mode in MODES)
    lines += [f"  {mode.shown:<{wide}}  {mode.text}" for mode in MODES]
    lines += [*_rows(), *_codes()]
    return "\n".join(lines) + "\n"


def _rows() -> Iterator[str]:
    """The options in order; two short ones side by side."""
    left = ""
    for option in OPTIONS:
        cell = f"  {option.shown:<15}  {option.text}"
        if left and len(cell) <= WIDTH - _COLUMN:
            yield f"{left:<{_COLUMN}}{cell}"
            left = ""
        elif len(cell) < _COLUMN:
            left = cell
        else:
            yield cell


def _codes() -> Iterator[str]:
    words = [f"{code} {short}" for code, short, _ in EXIT_CODES]
    yield f"exit codes: {', '.join(words[:6])},"
    yield f"            {', '.join(words[6:])}"
