"""The lab by hand: `python -m tests.lab --help`."""

from __future__ import annotations

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import flavours, images, report, start, wheels
from .base import CHECKOUT, LabError
from .guest import Guest
from .machines import KINDS


def build(options: argparse.Namespace) -> int:
    """Build images that are missing or out of date."""
    for name in options.flavours or flavours.chosen():
        begin = time.monotonic()
        folder = images.ensure(name).folder
        print(f"{name}: {folder} ({time.monotonic() - begin:.0f} s)", flush=True)
    return 0


def shell(options: argparse.Namespace) -> int:
    """Boot a guest with its console here: root is logged in, the tool gets installed meanwhile.
    FLAVOUR may be the folder that a failed test has left: that guest is switched on again."""
    left = Path(options.flavour)
    if left.is_dir():
        options.keep = True
        guest = start.again(left)
    else:
        guest = start.guest(options.flavour, options.machine, serial="stdio")
        _queue_install(guest)
    print(f"disk and console log: {guest.setup.work}; Ctrl-a x ends QEMU", file=sys.stderr)
    try:
        return subprocess.run(guest.setup.argv()).returncode
    finally:
        if not options.keep:
            guest.remove()


def run(options: argparse.Namespace) -> int:
    """Run steps in a fresh guest: a script file, `reboot`, `power-cut`, or :COMMAND."""
    guest = start.guest(options.flavour, options.machine)
    _queue_install(guest)
    try:
        with guest:
            print(f"up ({guest.state})", file=sys.stderr)
            return next((rc for step in options.steps if (rc := _step(guest, step))), 0)
    finally:
        if options.keep:
            print(f"kept: {guest.setup.work}", file=sys.stderr)
        else:
            guest.remove()


def argv(options: argparse.Namespace) -> int:
    """Print the QEMU command line of a guest."""
    guest = start.guest(options.flavour, options.machine)
    print(shlex.join(guest.setup.argv()))
    guest.remove()
    return 0


def everything(options: argparse.Namespace) -> int:
    """Boot all flavours end to end, and write the table of seconds into docs/testing.md."""
    report.forget()
    env = os.environ | {"RECONCILE_LAB_FLAVOURS": "all"}
    tests = ["pytest", "-m", "lab and not long", "-n", "2", "--dist", "loadgroup"]
    rc = subprocess.run([sys.executable, "-m", *tests, *options.pytest], cwd=CHECKOUT, env=env)
    table(options)
    return rc.returncode


def table(_options: argparse.Namespace) -> int:
    """Write the seconds of each flavour's last story into docs/testing.md."""
    report.insert(CHECKOUT / "docs" / "testing.md")
    return 0


def _queue_install(guest: Guest) -> None:
    """Let the guest install the tool as soon as its agent runs."""
    with tempfile.TemporaryDirectory() as folder:
        guest.submit(start.install_script(guest, wheels.build(Path(folder))))


def _step(guest: Guest, step: str) -> int:
    begin = time.monotonic()
    if step in ("reboot", "power-cut"):
        seconds = guest.reboot() if step == "reboot" else guest.power_cut()
        print(f"-- {step}: {seconds:.1f} s, {guest.state}", file=sys.stderr)
        return 0
    done = guest.run(step[1:] if step.startswith(":") else Path(step).read_text())
    sys.stdout.write(done.text)
    seconds = time.monotonic() - begin
    print(f"-- {step}: exit {done.rc}, {seconds:.1f} s", file=sys.stderr, flush=True)
    return done.rc


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    verbs = parser.add_subparsers(required=True)
    verb = verbs.add_parser("build", help=build.__doc__)
    verb.add_argument("flavours", nargs="*", metavar="FLAVOUR", help=", ".join(flavours.FLAVOURS))
    verb.set_defaults(do=build)
    for function in (shell, run, argv):
        verb = verbs.add_parser(function.__name__, help=function.__doc__)
        verb.add_argument("flavour", metavar="FLAVOUR", help=", ".join(flavours.FLAVOURS))
        verb.add_argument("--machine", default="intel", choices=KINDS)
        verb.set_defaults(do=function)
        if function is not argv:
            verb.add_argument("--keep", action="store_true", help="keep the disk and console log")
        if function is run:
            verb.add_argument("steps", nargs="+", metavar="STEP")
    verb = verbs.add_parser("all", help=everything.__doc__)
    verb.add_argument("pytest", nargs="*", help="more arguments for pytest")
    verb.set_defaults(do=everything)
    verbs.add_parser("table", help=table.__doc__).set_defaults(do=table)
    return parser


def main() -> int:
    """Run one verb; the exit status."""
    options = _parser().parse_args()
    try:
        status: int = options.do(options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
