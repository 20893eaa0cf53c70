"""The command line: arguments to a mode, errors to stderr, everything else to its module."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

from reconciler import __version__, usage
from reconciler.lean import collect_seldom, forgo_pydantic_plugins
from specs.errors import ReconcileError, SpecError, UsageError

MODES = (
    ("plan", "[SPEC] show what --apply would do, in order, and why"),
    ("apply", "[SPEC or PLAN] do it, verify each change, keep a journal"),
    ("inspect", "what this host is: readiness, devices, CPUs, boot, VMs"),
    ("validate", "SPEC... check specs (files, folders) with no host at all"),
    ("init", "print a spec that describes this host as it is"),
    ("capture", "FILE record everything that a plan reads from this host"),
    ("rollback", "[RUN] undo a run (default: the last) from its journal"),
    ("history", "the runs on this host"),
    ("confirm", "end a trial boot: its configuration becomes permanent"),
    ("schema", "print the spec's JSON Schema"),
)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(message, hint="reconcile --help lists the modes and options")


def _help(prog: str) -> argparse.HelpFormatter:
    """One screen of 80 columns, wherever it is read: pages made from it are always the same."""
    return argparse.HelpFormatter(prog, max_help_position=24, width=80)


def parser() -> argparse.ArgumentParser:
    """The command line of the contract."""
    p = _Parser(
        prog="reconcile",
        usage="reconcile MODE [SPEC] [options]",
        description="Make a KVM host what its spec says: devices for VMs, SR-IOV, CPUs, hugepages.",
        epilog="Exit codes: 0 done, 1 failed, 2 changes to make, 3 refused, 4 waiting for a "
        "reboot, 64 usage, 65 wrong spec, 75 locked, 77 needs root.",
        allow_abbrev=False,
        add_help=False,
        formatter_class=_help,
    )
    modes = p.add_argument_group("modes (exactly one)")
    for name, text in MODES:
        modes.add_argument(f"--{name}", action="append_const", dest="modes", const=name, help=text)
    o = p.add_argument_group("options")
    o.add_argument("-h", "--help", action="help", help="show this page")
    p.add_argument("operands", nargs="*", metavar="SPEC", help=argparse.SUPPRESS)
    o.add_argument("--root", metavar="DIR", help="the host's files are under DIR (default /)")
    o.add_argument("--state", metavar="FILE", help="observe this capture, not this machine")
    o.add_argument(
        "--for",
        metavar="DEVICE",
        dest="for_device",
        help="--init: a spec that gives this device to a VM",
    )
    o.add_argument("--connect", metavar="URI", help="libvirt connection, or none")
    o.add_argument(
        "--format",
        type=usage.format_name,
        default="text",
        metavar="FORMAT",
        help=", ".join(usage.FORMATS),
    )
    o.add_argument("--out", metavar="FILE", help="also save the plan (JSON); apply it later")
    o.add_argument("--detailed-exitcode", action="store_true", help="tell 2 and 4 from 0")
    o.add_argument("--strict", action="store_true", help="warnings refuse too")
    o.add_argument("--yes", action="store_true", help="do not ask")
    o.add_argument("--no-color", action="store_true", help="plain text (NO_COLOR does the same)")
    o.add_argument("-v", "--verbose", action="store_true", help="steps and what is already so")
    o.add_argument("-q", "--quiet", action="store_true", help="no progress, no closing words")
    o.add_argument(
        "--version", action="version", version=f"reconcile {__version__}", help="show it"
    )
    return p


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Arguments, checked as far as that goes without a host. Raises UsageError."""
    p = parser()
    args, rest = p.parse_known_intermixed_args(argv)
    if rest:
        raise usage.unknown(rest, set(re.findall(r"--[a-z][a-z-]*", p.format_help())))
    args.mode = usage.one_mode(args.modes or (), args.operands, [name for name, _ in MODES])
    usage.check(args)
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code; a traceback means a bug."""
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


def console() -> NoReturn:
    """The console script: ``main``, then the end without taking the interpreter apart.

    Freeing every module costs a tenth of an in-sync plan and does nothing that the kernel does not
    do; all that must reach somebody is flushed first.
    """
    collect_seldom()
    code = main()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:
        code = code or 1
    os._exit(code)


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
