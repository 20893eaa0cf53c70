"""Programs: started from argument lists, watched, and ended. The only module that starts them."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from backends.reader import Done, TimedOut
from backends.runner import Place
from backends.steps import StepError
from backends.watch import Heard, Watch
from specs.record import Record

if TYPE_CHECKING:
    import sh

_TICK = 0.2  # seconds
_LINE = 120  # characters of a command line in an error


class StepTimedOut(StepError, TimedOut):
    """A program did not end in time."""


class Program(Record):
    """A program to start: its path as seen inside ``place``, its argument list, and descriptors
    that it inherits."""

    path: str
    argv: tuple[str, ...]
    place: Place
    handed_on: frozenset[int] = frozenset()


def run(program: Program, timeout: float, stdin: str | None, watch: Watch | None) -> Done:
    """Run a program to its end, whatever its exit status. ``timeout`` in seconds.

    Raises StepError where it cannot be started, StepTimedOut when it was killed for its time.
    """
    import sh

    _refuse_other_than_utf8(program.argv)
    heard = Heard(watch) if watch is not None else None
    try:
        with contextlib.ExitStack() as stack:
            given = stdin if stdin is not None else stack.enter_context(open(os.devnull))
            with no_orphan() as tell:
                command = _ready(program, heard, tell, given)()
            ended = _wait(command, timeout, watch)
    except (OSError, RuntimeError, sh.ForkException) as e:  # no process, or no thread for it
        raise StepError(
            f"{shlex.join(program.argv)} could not be run: {e}",
            hint="the machine is short of processes or memory; run again",
        ) from e
    if not ended:
        raise StepTimedOut(
            f"{_shown(program.argv)} did not end within {timeout:.0f} s and was killed",
            hint="run it by hand to see what it waits for",
        )
    if heard is not None:
        return Done(program.argv, int(command.exit_code), *heard.texts)
    out, err = (s.decode("utf-8", "surrogateescape") for s in (command.stdout, command.stderr))
    return Done(program.argv, int(command.exit_code), out, err)


def _refuse_other_than_utf8(argv: Sequence[str]) -> None:
    """StepError for an argument that ``sh`` cannot hand on: it encodes without surrogates."""
    for word in argv:
        try:
            word.encode()
        except UnicodeEncodeError:
            raise StepError(
                f"{argv[0]} could not be run: a name that is not UTF-8",
                where=word,
                hint="give it a name in UTF-8 and run again",
            ) from None


@contextlib.contextmanager
def no_orphan() -> Iterator[Callable[[], None]]:
    """What a process calls, before it becomes the program, to tell its pid. ``sh`` starts its
    threads after it: where there are none left, or it is interrupted there, only we know it, and
    kill it with its session."""
    told, to = os.pipe()
    try:
        os.set_blocking(told, False)
        yield partial(_tell_pid, to)
    except BaseException:
        with contextlib.suppress(BlockingIOError):  # not even a process
            _kill_session(int.from_bytes(os.read(told, 4), "little"))
        raise
    finally:
        os.close(told)
        os.close(to)


def _tell_pid(to: int) -> None:
    os.write(to, os.getpid().to_bytes(4, "little"))


def _kill_session(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _ready(
    program: Program, heard: Heard | None, tell: Callable[[], None], given: object
) -> Callable[[], sh.RunningCommand]:
    """What starts the program in the background, whatever its exit status will be."""
    import sh

    place = program.place
    env = {"PATH": place.path, "LC_ALL": "C.UTF-8", "HOME": "/root", "TERM": "dumb"}
    # sh resolves a path on this machine; inside a chroot the name is looked up after entering.
    command = sh.Command(program.path if place.enter is None else _any_program())
    return partial(
        command,
        *program.argv[1:],
        _env=env if place.enter else {**os.environ, **env},
        _cwd="/",
        _tty_out=False,
        _tty_in=False,
        _encoding="utf-8",
        _decode_errors="surrogateescape",
        _ok_code=list(range(256)),
        _truncate_exc=False,
        _return_cmd=True,
        _new_session=True,
        _bg=True,
        _bg_exc=False,
        _preexec_fn=tell if place.enter is None else _into(program, tell, env),
        _in=given,
        _out=heard.out if heard is not None else None,
        _err=heard.err if heard is not None else None,
        _pass_fds=set(program.handed_on),
    )


def _shown(argv: Sequence[str]) -> str:
    """A command line for people, who need no more than a line of it."""
    text = shlex.join(argv)
    line = text.partition("\n")[0][:_LINE]
    return line if line == text else f"{line} …"


def _wait(command: sh.RunningCommand, timeout: float, watch: Watch | None = None) -> bool:
    """Wait for a program and for whoever holds its output; False when time ran out.

    The whole session is killed then: a child that keeps the pipe open would keep us waiting.
    """
    import sh

    late = threading.Event()

    def kill() -> None:
        late.set()
        with contextlib.suppress(ProcessLookupError):
            command.kill_group()

    timer = threading.Timer(timeout, kill)
    try:
        timer.start()
        if watch is None:
            command.wait()
        else:
            _watched(command, watch)
    except sh.SignalException:
        pass  # told by the exit status
    except RuntimeError:  # no thread for the timer: nothing runs that nobody watches
        kill()
        command.process.wait()
        raise
    finally:
        timer.cancel()
    return not late.is_set()


def _watched(command: sh.RunningCommand, watch: Watch) -> None:
    import sh

    try:
        while True:
            try:
                command.wait(timeout=_TICK)
                return
            except sh.TimeoutException:  # only this wait is over, not the program
                watch.ticks()
    finally:
        # A wait with a timeout leaves the thread alone that still reads what the program printed.
        command.process.wait()


def _any_program() -> str:
    import sys

    return sys.executable


def _into(program: Program, tell: Callable[[], None], env: dict[str, str]) -> Callable[[], None]:
    """Enter the place and exec there: never returns to sh's own exec."""

    def enter() -> None:
        try:
            tell()
            assert program.place.enter is not None
            program.place.enter()
            os.execve(program.path, list(program.argv), env)
        except OSError as e:
            os.write(2, f"{e}\n".encode())
        finally:
            os._exit(126)

    return enter
