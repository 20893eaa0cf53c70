"""What is wrong with a command line, and what was probably meant."""

from __future__ import annotations

import os
import re
from argparse import ArgumentTypeError, Namespace
from collections.abc import Sequence

from reconciler.options import FORMATS, MODES, OPTIONS
from specs.errors import UsageError

_HELP = "reconcile --help lists the modes and options"
_OPERANDS = {
    "plan": (0, 1),
    "apply": (0, 1),
    "rollback": (0, 1),
    "validate": (1, None),
    "capture": (1, 1),
}
_NEEDED = {"validate": "a spec, or a folder of specs", "capture": "the file to write"}


def format_name(text: str) -> str:
    """The type of ``--format``."""
    if text in FORMATS:
        return text
    raise ArgumentTypeError(f'found "{text}"; expected one of {", ".join(FORMATS)}')


def one_mode(found: Sequence[str], operands: Sequence[str]) -> str:
    """The mode. Raises UsageError unless there is exactly one."""
    modes = sorted(set(found))
    if len(modes) == 1:
        return modes[0]
    if modes:
        raise UsageError(
            f"one mode at a time: found {' and '.join(f'--{mode}' for mode in modes)}",
            hint="--plan shows what --apply would do" if modes == ["apply", "plan"] else "",
        )
    file = operands[-1] if operands else ""
    if operands and operands[0] in {mode.name for mode in MODES}:
        rest = f" {file}" if len(operands) > 1 else ""
        raise UsageError(
            f'"{operands[0]}" is a mode and needs two dashes',
            hint=f"reconcile --{operands[0]}{rest}",
        )
    hint = f"reconcile --plan {file}" if file else "reconcile --inspect, or --help for all modes"
    raise UsageError("nothing says what to do: a mode is missing", hint=hint)


def unknown(words: Sequence[str]) -> UsageError:
    """The error for options that there are not."""
    from specs.problems import did_you_mean  # with pydantic: not for every command line

    first = words[0].partition("=")[0]
    flags = [f"--{mode.name}" for mode in MODES] + [f for option in OPTIONS for f in option.flags]
    # Without the dashes: they would make any two options look alike.
    near = did_you_mean(first.lstrip("-"), [f.lstrip("-") for f in flags if f.startswith("--")])
    return UsageError(f"unknown option {first}", hint=near.replace('"', '"--', 1) or _HELP)


def wrong_option(message: str) -> UsageError:
    """argparse's words about an option in ours."""
    found = re.fullmatch(r"argument ([^:]*): (.*)", message, re.S)
    if not found:
        return UsageError(message, hint=_HELP)
    name, what = found[1].rpartition("/")[2], found[2]
    value = next((option.value for option in OPTIONS if name in option.flags), "")
    if what == "expected one argument":
        return UsageError(f"{name} needs a value: {name} {value}", hint=_HELP)
    if "ignored explicit argument" in what:
        return UsageError(f"{name} takes no value", hint=_HELP)
    return UsageError(f"{name}: {what}", hint=_HELP)


def check(args: Namespace) -> None:
    """Everything that can be told without a host. Raises UsageError."""
    _check_operands(args)
    if args.root is not None and args.state is not None:
        raise UsageError("--root and --state exclude each other: a capture has its own host")
    if args.state is not None and args.mode not in ("plan", "inspect", "init"):
        raise UsageError(f"--state does not go with --{args.mode}: a capture cannot be changed")
    if args.for_device is not None and args.mode != "init":
        raise UsageError("--for goes with --init: it names the device that a VM is to get")
    if args.again and args.mode != "apply":
        raise UsageError("--again goes with --apply: it tries a failed trial boot once more")
    if args.resume and (args.mode != "apply" or args.operands):
        raise UsageError("--resume goes with --apply alone: it knows what was left, of which spec")
    if args.checked and args.mode != "confirm":
        raise UsageError("--checked goes with --confirm: it waits until the checks pass")
    if args.format == "html" and args.mode not in ("plan", "inspect"):
        raise UsageError(f"--format html goes with --plan and --inspect, not with --{args.mode}")
    if args.out is not None and args.mode != "plan":
        hint = "reconcile --plan SPEC --out FILE, then reconcile --apply FILE"
        raise UsageError("--out goes with --plan: it saves the plan", hint=hint)
    if args.root is not None and not os.path.isdir(args.root):
        raise UsageError("there is no such folder", where=f"--root {args.root}")


def _check_operands(args: Namespace) -> None:
    low, high = _OPERANDS.get(args.mode, (0, 0))
    count = len(args.operands)
    if "" in args.operands:  # an unset variable of a script must not stand for the default
        raise UsageError(f"--{args.mode} is given an empty name")
    if count < low:
        raise UsageError(f"--{args.mode} needs {_NEEDED[args.mode]}")
    if high is not None and count > high:
        usual = next(mode.shown for mode in MODES if mode.name == args.mode)
        raise UsageError(f'"{args.operands[high]}" is one too many: reconcile {usual}')
