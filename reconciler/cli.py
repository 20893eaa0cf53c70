"""The command line: arguments to a mode, errors to stderr, everything else to its module."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from reconciler import __version__
from reconciler.lean import forgo_pydantic_plugins
from specs.errors import ReconcileError, SpecError, UsageError

MODES = (
    ("plan", "[SPEC]: show what --apply would do, in order, and why"),
    ("apply", "[SPEC or PLAN]: do it, verify each change, keep a journal"),
    ("inspect", "what this host is: readiness, devices, CPUs, memory, boot, VMs"),
    ("validate", "SPEC...: check specs (files or folders) with no host at all"),
    ("init", "print a spec that describes this host as it is"),
    ("capture", "FILE: record everything that a plan reads from this host"),
    ("rollback", "[RUN]: undo a run (default: the last one) from its journal"),
    ("history", "the runs on this host"),
    ("confirm", "end a trial boot: the new boot configuration becomes permanent"),
    ("schema", "print the spec's JSON Schema"),
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint="reconcile --help lists the modes and options")


def parser() -> argparse.ArgumentParser:
    """The command line of the contract."""
    p = _Parser(
        prog="reconcile",
        usage="reconcile MODE [SPEC] [options]",
        description="Make a KVM host what its spec says: passthrough devices, SR-IOV, CPU "
        "isolation, hugepages, VM bindings.",
        epilog="Exit codes: 0 done, 1 failed, 2 changes (--detailed-exitcode), 3 refused, "
        "4 waiting for a reboot (--detailed-exitcode), 64 usage, 65 wrong spec, 75 locked, "
        "77 needs root.",
        allow_abbrev=False,
    )
    modes = p.add_argument_group("modes (exactly one)")
    for name, text in MODES:
        modes.add_argument(f"--{name}", action="append_const", dest="modes", const=name, help=text)
    p.add_argument("operands", nargs="*", metavar="SPEC", help=argparse.SUPPRESS)
    p.add_argument("--root", metavar="DIR", help="the host's files are under DIR (default /)")
    p.add_argument("--state", metavar="FILE", help="observe this capture, not this machine")
    p.add_argument("--for", metavar="DEVICE", dest="for_device", help="--init: a spec for this one")
    p.add_argument("--connect", metavar="URI", help="libvirt connection, or none")
    p.add_argument("--format", choices=("text", "json", "markdown", "html"), default="text")
    p.add_argument("--out", metavar="FILE", help="also save the plan (JSON); apply it later")
    p.add_argument("--detailed-exitcode", action="store_true", help="2: changes, 4: waiting")
    p.add_argument("--strict", action="store_true", help="warnings refuse too")
    p.add_argument("--yes", action="store_true", help="do not ask")
    p.add_argument("--no-color", action="store_true", help="plain text (NO_COLOR does the same)")
    p.add_argument("-v", "--verbose", action="store_true", help="steps and what is already so")
    p.add_argument("-q", "--quiet", action="store_true", help="no progress, no closing words")
    p.add_argument("--version", action="version", version=f"reconcile {__version__}")
    return p


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Arguments, checked as far as that goes without a host. Raises UsageError."""
    args = parser().parse_intermixed_args(argv)
    modes = sorted(set(args.modes or ()))
    if len(modes) != 1:
        found = ", ".join(f"--{m}" for m in modes) or "none"
        names = " ".join(f"--{name}" for name, _ in MODES)
        raise UsageError(f"exactly one mode is needed, found {found}", hint=f"modes: {names}")
    args.mode = modes[0]
    _check_operands(args)
    if args.root is not None and args.state is not None:
        raise UsageError("--root and --state exclude each other")
    if args.state is not None and args.mode not in ("plan", "inspect", "init"):
        raise UsageError(f"--state does not go with --{args.mode}: a capture cannot be changed")
    if args.for_device is not None and args.mode != "init":
        raise UsageError("--for goes with --init: it names the device that a VM is to get")
    if args.format == "html" and args.mode not in ("plan", "inspect"):
        raise UsageError(f"--format html goes with --plan and --inspect, not with --{args.mode}")
    if args.out is not None and args.mode != "plan":
        raise UsageError("--out goes with --plan")
    if args.root is not None and not os.path.isdir(args.root):
        raise UsageError("--root needs a folder", where=args.root)
    return args


_OPERANDS = {"plan": (0, 1), "apply": (0, 1), "validate": (1, None), "capture": (1, 1)}


def _check_operands(args: argparse.Namespace) -> None:
    low, high = {**_OPERANDS, "rollback": (0, 1)}.get(args.mode, (0, 0))
    count = len(args.operands)
    if count < low:
        raise UsageError(f"--{args.mode} needs a file")
    if high is not None and count > high:
        raise UsageError(f"--{args.mode} takes {high or 'no'} operand(s), found {count}")


def main(argv: Sequence[str] | None = None) -> int:
    """The console script. Returns the exit code; a traceback means a bug."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        args = parse(arguments)
        forgo_pydantic_plugins()
        from reconciler import modes

        code = modes.run(args)
        sys.stdout.flush()
        return code
    except ReconcileError as e:
        report(e)
        return e.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of our output has gone: say nothing more, and let the flush at exit be quiet.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def report(error: ReconcileError) -> None:
    """An error for people, on stderr: what is wrong, where, what to do."""
    from reconciler.render.style import clean

    if isinstance(error, SpecError):
        from reconciler.render.problems import text

        sys.stderr.write(text(error.problems))
        return
    sys.stderr.write(f"reconcile: {clean(str(error))}\n")
    if error.hint:
        sys.stderr.write(f"  → {clean(error.hint)}\n")
