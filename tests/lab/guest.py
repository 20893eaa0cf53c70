"""A running guest: run scripts in it, reboot it, cut its power, read its console."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from .base import LabError, need
from .qemu import Setup

T = TypeVar("T")
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\r")


@dataclass(frozen=True, slots=True)
class Result:
    """Exit status of a script, and its output (stdout and stderr in one)."""

    rc: int
    text: str


@dataclass(frozen=True, slots=True)
class Job:
    """A script handed to the guest. The agent in it (inside/agent.sh) writes these files."""

    script: str
    stem: Path

    def result(self) -> Result | None:
        """How it ended, None while it has not."""
        rc = self.stem.with_suffix(".rc")
        if not rc.exists():
            return None
        text = self.stem.with_suffix(".out").read_text(errors="replace")
        return Result(int(rc.read_text()), text)

    def started(self) -> bool:
        """Whether the agent has taken it up."""
        return self.stem.with_suffix(".run").exists()


class Guest:
    """A guest of the lab. As a context manager it is started, and shut down or killed at the end;
    its folder stays, because it holds the console log: see remove()."""

    def __init__(self, setup: Setup, boot_timeout: float = 600) -> None:
        self.setup = setup
        self.boot_timeout = boot_timeout
        self.state = ""  # what systemctl is-system-running said after the last boot
        self.keep = False  # a test failed with it: the folder is to stay
        self._jobs = 0
        self._boot_id = ""
        self._process: subprocess.Popen[bytes] | None = None
        (setup.share / "jobs").mkdir(parents=True, exist_ok=True)

    # -- life cycle

    def __enter__(self) -> Guest:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        try:
            if kind is None and self.alive():
                self.poweroff()
        finally:
            self.kill()

    def start(self) -> float:
        """Switch it on and wait until it is up; seconds that took."""
        need("qemu-system-x86_64", "setpriv")
        # In a session of its own, so that Ctrl-C reaches the tests only; killed when they die, so
        # that an aborted run leaves no QEMU behind.
        argv = ["setpriv", "--pdeathsig", "KILL", *self.setup.argv()]
        with open(self._errors, "wb") as errors:
            self._process = subprocess.Popen(
                argv,
                stderr=errors,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, "TMPDIR": str(self.setup.work)},
            )
        return self._wait_boot()

    def alive(self) -> bool:
        """Whether QEMU runs."""
        return self._process is not None and self._process.poll() is None

    def cpu_seconds(self) -> float:
        """CPU time that QEMU has used since the guest was switched on (proc(5), stat). Unlike the
        time of the clock it says nothing of other work on this machine."""
        assert self._process is not None
        stat = Path(f"/proc/{self._process.pid}/stat").read_text()
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")

    def kill(self) -> None:
        """End QEMU at once; what the guest has not written to its disk is lost."""
        if self._process is not None and self.alive():
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def poweroff(self, timeout: float = 300) -> None:
        """Shut down in an orderly way."""
        self.submit("systemctl poweroff")
        assert self._process is not None
        try:
            self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise LabError(f"poweroff: still on after {timeout:.0f} s\n{self.tail()}") from None

    def reboot(self, command: str = "systemctl reboot", timeout: float | None = None) -> float:
        """Reboot and wait until it is up again; seconds that took."""
        self.submit(command)
        return self._wait_boot(timeout)

    def power_cut(self) -> float:
        """Kill QEMU in the middle of whatever it does and switch it on again, same disk."""
        self.kill()
        for job in (self.setup.share / "jobs").glob("*.sh"):
            job.unlink()  # not begun before the cut: must not run after it
        return self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stop QEMU itself for a block: its disk is then what a power cut at that moment leaves."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """Delete its folder: disk, console log and all."""
        shutil.rmtree(self.setup.work, ignore_errors=True)

    # -- work inside

    def submit(self, script: str) -> Job:
        """Hand a shell script to the guest, to be run as root after earlier ones; do not wait."""
        self._jobs += 1
        stem = self.setup.share / "jobs" / f"{self._jobs:04d}"
        stem.with_suffix(".new").write_text(script)
        stem.with_suffix(".new").rename(stem.with_suffix(".sh"))
        return Job(script, stem)

    def run(self, script: str, timeout: float = 1800) -> Result:
        """Run a shell script as root and wait for its end."""
        job = self.submit(script)
        return self._wait(job.result, timeout, f"{script[:60]!r}")

    def out(self, script: str, timeout: float = 1800) -> str:
        """The output of a script that must exit 0."""
        done = self.run(script, timeout)
        if done.rc:
            raise LabError(f"{script!r} exited {done.rc}:\n{done.text}")
        return done.text

    def put(self, local: Path, remote: str) -> None:
        """Copy a file or folder into the guest."""
        self._stage(local.name, lambda to: _copy(local, to), remote)

    def write(self, remote: str, content: str | bytes) -> None:
        """Write a file in the guest; folders above it are made."""
        data = content.encode() if isinstance(content, str) else content
        self._stage("content", lambda to: to.write_bytes(data), remote)

    def read(self, remote: str) -> bytes:
        """A file's content in the guest."""
        self.out(f"cat -- {shlex.quote(remote)} >/run/lab/fetched")
        return (self.setup.share / "fetched").read_bytes()

    def _stage(self, name: str, put: Callable[[Path], object], remote: str) -> None:
        local = self.setup.share / "staged" / name
        local.parent.mkdir(exist_ok=True)
        put(local)
        folder, to = shlex.quote(str(Path(remote).parent)), shlex.quote(remote)
        source = shlex.quote(f"/run/lab/staged/{name}")
        self.out(f"mkdir -p -- {folder} && cp -r -T -- {source} {to}")
        shutil.rmtree(local.parent)

    # -- the console, and waiting

    @property
    def console(self) -> str:
        """Everything on the serial console, since the guest was first switched on."""
        log = self.setup.console
        return log.read_text(errors="replace") if log.exists() else ""

    def tail(self, chars: int = 2000) -> str:
        """The end of the console, without its escape sequences."""
        return _ESCAPES.sub("", self.console)[-chars:]

    @property
    def _errors(self) -> Path:
        return self.setup.work / "qemu.err"

    def _wait_boot(self, timeout: float | None = None) -> float:
        """Wait for a boot id that is new, then for the end of the boot (late module loads too). A
        boot that fails before its agent starts does not count: this waits for the next one."""
        begin = time.monotonic()

        def fresh() -> str | None:
            path = self.setup.share / "boot"
            boot_id = path.read_text().strip() if path.exists() else ""
            return boot_id if boot_id and boot_id != self._boot_id else None

        self._boot_id = self._wait(fresh, timeout or self.boot_timeout, "boot")
        self.state = self.run("systemctl is-system-running --wait").text.strip()
        # No unit waits for the modules that udev loads for processors and cards: /dev/kvm is one's.
        self.out("udevadm settle --timeout=300")
        return time.monotonic() - begin

    def _wait(self, ready: Callable[[], T | None], timeout: float, what: str) -> T:
        end = time.monotonic() + timeout
        while (value := ready()) is None:
            if self._process is None or not self.alive():
                raise LabError(f"{what}: QEMU ended\n{self._last_words()}")
            if time.monotonic() > end:
                raise LabError(f"{what}: nothing after {timeout:.0f} s\n{self.tail()}")
            time.sleep(0.1)
        return value

    def _last_words(self) -> str:
        errors = self._errors.read_text(errors="replace")[-1000:] if self._errors.exists() else ""
        return f"{errors}\n{self.tail()}"


def _copy(local: Path, to: Path) -> None:
    if local.is_dir():
        shutil.copytree(local, to)
    else:
        shutil.copyfile(local, to)
