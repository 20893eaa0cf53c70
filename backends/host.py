"""A host: reading it and performing steps on it."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import shlex
import signal
import time
from collections.abc import Sequence
from pathlib import Path

from backends import files
from backends.programs import Program, run
from backends.reader import Done, NeedsRoot, Reader, TreeReader
from backends.runner import Place, chroot, here
from backends.running import acts_on_running_system, left_out
from backends.steps import (
    DefineDomain,
    Expect,
    Ran,
    RemoveFile,
    RenameFile,
    Run,
    Step,
    StepError,
    WriteAttribute,
    WriteFile,
)
from backends.watch import Watch
from specs.errors import ReconcileError

NO_LIBVIRT = "none"
# How the kernel says "this one stays as it is", or "that is gone".
_REFUSALS = frozenset({errno.EIO, errno.EPERM, errno.ENOENT, errno.ENOSPC, errno.EBUSY})


class Host:
    """A machine, or a tree that looks like one, under ``root``.

    ``libvirt_uri`` is a libvirt connection URI, or ``none``. Programs run on this machine when
    ``root`` is ``/``, else in a chroot; virsh always runs here, since its URI says where to go.
    """

    def __init__(self, root: str | Path = "/", libvirt_uri: str = NO_LIBVIRT) -> None:
        self.root = os.path.realpath(root)
        self.libvirt_uri = libvirt_uri
        self._tree = TreeReader(self.root, self._observe, here="/")
        self.watch = Watch()
        self._hung: list[str] = []
        # Descriptors that programs inherit: one of them outliving us keeps the lock held.
        self.handed_on: frozenset[int] = frozenset()

    @property
    def reader(self) -> Reader:
        """What observation reads from."""
        return self._tree

    @property
    def live(self) -> bool:
        """Whether this is the running machine rather than a tree."""
        return self.root == "/"

    @property
    def has_kernel(self) -> bool:
        """Whether a kernel and a service manager of this host run: those of a tree do not."""
        return self.live

    def plain(self, path: str) -> bool:
        """Whether a path of a tree is in the tree's own file system, and so a plain file: what is
        mounted there (the real /sys, by an installer) is this machine."""
        try:
            return os.stat(self.locate(path)).st_dev == os.stat(self.root).st_dev
        except FileNotFoundError:
            return True

    # -- reading

    def _observe(self, argv: Sequence[str], timeout: float) -> Done | None:
        if argv[0] == "virsh":
            return None if self.libvirt_uri == NO_LIBVIRT else self.run(argv, timeout, here())
        return self.run(argv, timeout, here()) if self.live else None

    # -- doing

    def perform(self, step: Step) -> None:
        """Do one step and make it durable. Raises StepError, NeedsRoot."""
        try:
            self._perform(step)
        except OSError as e:
            if isinstance(e, PermissionError) and os.geteuid():
                raise NeedsRoot(str(e.filename or step.preview())) from e
            raise StepError(
                f"{step.preview()}: {e.strerror or e}",
                where=str(e.filename or ""),
                hint=_hint(e),
            ) from e

    def _perform(self, step: Step) -> None:
        if isinstance(step, WriteFile):
            self.write_file(step.path, step.content, step.mode, step.marks)
        elif isinstance(step, RemoveFile):
            self.remove_file(step.path, step.folders)
        elif isinstance(step, RenameFile):
            real = self.locate(step.path)
            files.make_folders(os.path.dirname(real))
            files.rename_over(self.locate(step.source), real)
        elif isinstance(step, WriteAttribute):
            self._write_attribute_of(step)
        elif isinstance(step, Run):
            self.run_step(step)
        else:
            self.define_domain(step)

    def _write_attribute_of(self, step: WriteAttribute) -> None:
        try:
            self.write_attribute(step.path, step.value, step.timeout)
        except OSError as e:
            gone = step.optional and e.errno in (errno.ENOENT, errno.ENODEV)
            if not (gone or (step.tolerate and e.errno in _REFUSALS)):
                raise

    def locate(self, path: str) -> str:
        """Where a host path lies on this machine, final symlink followed inside the root."""
        if self.live:
            return os.path.realpath(path)
        return TreeReader(self.root).locate(path)

    def write_file(
        self, path: str, content: bytes, mode: int, marks: files.Marks | None = None
    ) -> None:
        """Replace a file atomically, creating folders above it. Raises OSError."""
        real = self.locate(path)
        files.make_folders(os.path.dirname(real))
        files.replace(real, content, mode, marks)

    def marks(self, path: str) -> files.Marks | None:
        """Owner and extended attributes of a file, None where there is none. Raises StepError."""
        try:
            return files.marks(self.locate(path))
        except FileNotFoundError:
            return None
        except OSError as e:
            raise StepError(f"cannot read: {e.strerror}", where=path, hint=_hint(e)) from e

    def remove_file(self, path: str, folders: Sequence[str] = ()) -> None:
        """Remove a file itself (not what a link leads to), then ``folders`` that are empty."""
        parent, name = os.path.split(path)
        files.remove(os.path.join(self.locate(parent), name))
        for folder in folders:
            with contextlib.suppress(OSError):  # not empty: others use it now
                os.rmdir(self.locate(folder))

    def write_attribute(self, path: str, value: str, timeout: float) -> None:
        """One write(2) to an existing sysfs or procfs file, given ``timeout`` seconds.

        An empty write would reach no driver at all: clear with a newline. Raises OSError, and
        StepError when the kernel does not return in time. A device on which it did not return once
        is not touched again: its lock is held, and every further write would hang as well.
        """
        if not (self.has_kernel or self.plain(path)):
            hint = "boot that system: it does the same there"
            raise StepError("would change this machine, not the tree", where=path, hint=hint)
        for address in self._hung:
            if address in path or address == value.strip():
                raise StepError(f"left alone: the kernel still hangs in a write for {address}")
        real = self.locate(path)
        missing = os.path.isdir(os.path.dirname(real)) and not os.path.exists(real)
        if left_out(path) and missing and not self.has_kernel:
            files.replace(real, value.encode(), 0o644)
            return
        self.write_in_kernel(path, value, timeout)

    def write_in_kernel(self, path: str, value: str, timeout: float) -> None:
        """The write itself, in a child."""
        real = self.locate(path)
        pid, answer = _write_in_child(real, value.encode())
        with contextlib.closing(os.fdopen(answer, "rb", buffering=0)) as pipe:
            ready, _, _ = select.select([pipe], [], [], timeout)
            if not ready:
                os.kill(pid, signal.SIGKILL)  # waits in the kernel: it may never be reaped
                raise self.hung(path, value, timeout)
            code = int.from_bytes(pipe.read(4), "little")
        os.waitpid(pid, 0)
        if code:
            raise OSError(code, os.strerror(code), path)

    def hung(self, path: str, value: str, timeout: float) -> StepError:
        """Remember the device that a write hangs on; the error to raise."""
        # bind, unbind and drivers_probe are told the device; other attributes belong to one.
        told = path.endswith(("bind", "drivers_probe"))
        self._hung.append(value.strip() if told else path.rpartition("/")[0])
        return StepError(
            f"the kernel did not finish within {timeout:.0f} s",
            where=path,
            hint="the driver hangs in its release; look at dmesg, and reboot the host",
        )

    def run_step(self, step: Run) -> None:
        """Run a program that changes things, then check what it made. Raises StepError."""
        if acts_on_running_system(step.argv) and not self.has_kernel:
            hint = "boot that system: it does the same there"
            where = step.argv[0]
            raise StepError("would change this machine, not the tree", where=where, hint=hint)
        began = time.time_ns()
        self.watch.begins(step.preview())
        try:
            done = self.run(step.argv, step.timeout, self._place_of(step), watch=self.watch)
        finally:
            self.watch.ended()
        if done is None:
            raise StepError(
                "program not found",
                where=step.argv[0],
                hint=f"install the package that has {step.argv[0]} and run again",
            )
        if done.rc:
            raise StepError(
                f"{step.preview()} failed (exit status {done.rc}): {_tail(done)}",
                hint=f"by hand: {self._by_hand(step)}",
            )
        if step.expect is not None:
            wrong = self._wrong(step.expect, Ran(done.out, began))
            if wrong:
                raise StepError(
                    f"{step.preview()}: {wrong}",
                    where=step.expect.path,
                    hint=f"by hand: {self._by_hand(step)}",
                )

    def _wrong(self, expect: Expect, ran: Ran) -> str | None:
        from backends.expect import problem

        try:
            return problem(self.reader, expect, ran)
        except ReconcileError as e:
            return f"it made something that cannot be read: {e}"

    def define_domain(self, step: DefineDomain) -> None:
        """Define, change or remove a libvirt domain. Raises StepError."""
        from backends import libvirt

        libvirt.perform(step, self.libvirt_uri, self._virsh)

    def inverse_of_define(self, step: DefineDomain) -> tuple[Step, ...]:
        """The steps that bring a domain's present definition back (without its secrets)."""
        from backends import libvirt

        return libvirt.inverse(step, self.libvirt_uri, self._virsh)

    def _virsh(self, argv: Sequence[str], stdin: str | None = None) -> Done:
        done = self.run(argv, 120.0, here(), stdin)
        if done is None:
            raise StepError("program not found", where=argv[0], hint="install libvirt-clients")
        return done

    def _place_of(self, step: Run) -> Place:
        return here() if step.argv[0] == "virsh" else self.place()

    def place(self) -> Place:
        """Where this host's own programs run."""
        return here() if self.live else chroot(self.root)

    def has_program(self, name: str) -> bool:
        """Whether the host has a program of this name on its path."""
        return self.place().find(name) is not None

    def _by_hand(self, step: Run) -> str:
        outside = self._place_of(step).root == "/"
        return step.preview() if outside else shlex.join(["chroot", self.root, *step.argv])

    def run(
        self,
        argv: Sequence[str],
        timeout: float,
        place: Place,
        stdin: str | None = None,
        watch: Watch | None = None,
    ) -> Done | None:
        """Run a program to its end; None where it does not exist. Raises StepError on time-out."""
        path = place.find(argv[0])
        if path is None:
            return None
        program = Program(path, tuple(argv), place, self.handed_on)
        return run(program, timeout, stdin, watch)


def _write_in_child(path: str, data: bytes) -> tuple[int, int]:
    """Start a child that writes once; returns its pid and a pipe that will hold its errno."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid:
        os.close(write_end)
        return pid, read_end
    code = 0
    try:
        fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
        os.write(fd, data)
        os.close(fd)
    except OSError as e:
        code = e.errno or 5
    finally:
        os.write(write_end, code.to_bytes(4, "little"))
        os._exit(0)


def _tail(done: Done, lines: int = 5) -> str:
    text = (done.err or done.out).strip().splitlines()[-lines:]
    return " / ".join(line.strip() for line in text) or "it printed nothing"


def _hint(error: OSError) -> str:
    hints = {
        errno.ENOSPC: "make room on that file system and run again",
        errno.EROFS: "the file system is mounted read-only: remount it, look at dmesg for why",
        errno.EBUSY: "it is in use, or a mount: find the user (fuser, findmnt), or reboot, and run "
        "again",
        errno.EPERM: "an immutable file (lsattr), lockdown, a security module: root may not either",
        errno.EACCES: "a security module (SELinux, AppArmor), a network share: root may not either",
        errno.EIO: "input/output error: look at dmesg and at the disk's health",
    }
    return hints.get(error.errno or 0, "")
