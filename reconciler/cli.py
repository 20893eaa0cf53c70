"""The command line: arguments to a mode, errors to stderr, everything else to its module."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn

from reconciler import __version__, options, usage
from reconciler.lean import collect_seldom, forgo_pydantic_plugins
from reconciler.messages import hush, perhaps_unread
from specs.errors import ReconcileError, SpecError


class _Parser(argparse.ArgumentParser):
    def format_help(self) -> str:
        return options.page()

    def error(self, message: str) -> NoReturn:
        raise usage.wrong_option(message)


def parser() -> argparse.ArgumentParser:
    """The command line of the contract."""
    # A width of its own: argparse asks the terminal for one with every option that it is told.
    shape = partial(argparse.HelpFormatter, width=80)
    p = _Parser(prog="reconcile", allow_abbrev=False, add_help=False, formatter_class=shape)
    for mode in options.MODES:
        p.add_argument(f"--{mode.name}", action="append_const", dest="modes", const=mode.name)
    p.add_argument("operands", nargs="*")
    for option in options.OPTIONS:
        p.add_argument(*option.flags, **_keywords(option))
    return p


def _keywords(option: options.Option) -> dict[str, Any]:
    """How argparse is to take an option."""
    name = option.flags[-1]
    if name == "--help":
        return {"action": "help"}
    if name == "--version":
        return {"action": "version", "version": f"reconcile {__version__}"}
    if not option.value:
        return {"action": "store_true"}
    if name == "--format":
        return {"metavar": option.value, "default": "text", "type": usage.format_name}
    return {"metavar": option.value, "dest": "for_device" if name == "--for" else None}


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Arguments, checked as far as that goes without a host. Raises UsageError."""
    args, rest = parser().parse_known_intermixed_args(argv)
    if rest:
        raise usage.unknown(rest)
    args.mode = usage.one_mode(args.modes or (), args.operands)
    usage.check(args)
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code; a traceback means a bug."""
    arguments = sys.argv[1:] if argv is None else argv
    open_streams()
    forgive_letters()
    try:
        args = parse(arguments)
        forgo_pydantic_plugins()
        from reconciler import modes

        code = modes.run(args)
        with perhaps_unread():
            sys.stdout.flush()
        return code
    except ReconcileError as e:
        report(e)
        return e.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        hush()
        return 1
    except OSError as e:  # of the output itself, or of a file that nobody foresaw
        report(ReconcileError(e.strerror or str(e), where=str(e.filename or "standard output")))
        return 1


def open_streams() -> None:
    """A caller may have closed them (``2>&-``). The next file to be opened would take the number
    of one, and whatever a program prints would go into it."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            fd = os.open(os.devnull, os.O_RDWR)
            if fd != number:
                os.dup2(fd, number)
                os.close(fd)
            os.set_inheritable(number, True)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def forgive_letters() -> None:
    """A locale without our arrows and ticks (ISO-8859-1, say) shows ? for them: what was done must
    be told, and a run must not end over a letter."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower() != "utf-8":
            stream.reconfigure(errors="replace")


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
    from reconciler.messages import say
    from reconciler.render.style import clean

    if isinstance(error, SpecError):
        from reconciler.render.problems import text

        say(text(error.problems).rstrip("\n"))
        return
    say(f"reconcile: {clean(str(error))}")
    if error.hint:
        say(f"  → {clean(error.hint)}")


if __name__ == "__main__":
    console()
