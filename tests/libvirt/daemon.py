"""A libvirtd of our own: the real QEMU driver on private folders and sockets.

libvirtd takes its folders from its build, so it runs in a mount namespace in which they are ours.
Its sockets lie on the file system, where clients outside reach them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from backends.reader import Done, TreeReader

NEEDED = ("libvirtd", "virsh", "qemu-system-x86_64", "qemu-img", "unshare", "nsenter")
FOLDERS = {
    "etc": "/etc/libvirt",
    "lib": "/var/lib/libvirt",
    "run": "/run/libvirt",
    "log": "/var/log/libvirt",
    "cache": "/var/cache/libvirt",
}
CONFIG = 'auth_unix_rw = "none"\nunix_sock_rw_perms = "0700"\n'
SPLIT = "@split"
EVERYTHING = ("--nvram", "--managed-save", "--snapshots-metadata", "--checkpoints-metadata")
LIST = "list --all --uuid"
# libvirt looks for it when it starts; guests get a folder in it.
HUGETLBFS = "mkdir -p /dev/hugepages; mount -t hugetlbfs none /dev/hugepages || true"
# No virtlogd runs beside it, and no systemd to make a machine slice.
QEMU_CONFIG = 'stdio_handler = "file"\ncgroup_controllers = []\n'
# Probing QEMU takes seconds; the answers hold as long as QEMU and this kernel stay the same.
SHARED_CACHE = Path("/var/tmp/reconcile-libvirt-cache")


def missing() -> str:
    """What this machine lacks for it, or ""."""
    absent = [name for name in NEEDED if shutil.which(name) is None]
    if absent:
        return (
            f"not installed: {', '.join(absent)} (Debian: libvirt-daemon-system, qemu-system-x86)"
        )
    return "" if os.geteuid() == 0 else "needs root, for a mount namespace"


@dataclass
class Daemon:
    """A running libvirtd. ``uri`` reaches it from here; in its own namespace it is
    ``qemu:///system``. ``calls`` are the argument lists of the programs that ``reader`` ran."""

    folder: Path
    process: subprocess.Popen[bytes] = field(init=False)
    calls: list[tuple[str, ...]] = field(default_factory=list)
    secure: str = ""

    @property
    def uri(self) -> str:
        """The connection, from outside the namespace."""
        return f"qemu+unix:///system?socket={self.folder}/run/libvirt-sock"

    @property
    def reader(self) -> TreeReader:
        """A reader of this machine that remembers the programs it ran."""
        return TreeReader("/", self._run)

    def _run(self, argv: Iterable[str], timeout: float) -> Done:
        self.calls.append(tuple(argv))
        return self.virsh_argv(self.calls[-1], None)

    def virsh_argv(self, argv: Iterable[str], stdin: str | None) -> Done:
        """What performing a step needs: a program run to its end."""
        words = list(argv)
        done = subprocess.run(words, input=stdin or "", capture_output=True, text=True, timeout=120)
        return Done(tuple(words), done.returncode, done.stdout, done.stderr)

    def virsh(self, *command: str, stdin: str | None = None, ok: bool = True) -> str:
        """The output of a virsh command, which must succeed unless told otherwise."""
        done = self.virsh_argv(["virsh", "-q", "-c", self.uri, *command], stdin)
        assert not ok or done.rc == 0, done.err
        return done.out if done.rc == 0 else ""

    def inside(self, *argv: str) -> list[str]:
        """Arguments that run a program where this daemon is the system's own."""
        return ["nsenter", "-t", str(self.process.pid), "-m", f"--wd={os.getcwd()}", *argv]

    def define(self, xml: str) -> str:
        """Define a domain; its UUID, or "" when the driver refuses."""
        commands = f"{LIST}; define /dev/stdin; echo '\n-\n'; {LIST}"
        done = self.virsh_argv(["virsh", "-q", "-c", self.uri, commands], xml)
        before, _, after = done.out.partition("\n-\n")
        return "".join(set(after.split()) - set(before.split()))

    def redefine(self, uuid: str, xml: str) -> str:
        """Give a domain another definition; what libvirt made of it, and ``secure`` with
        its secrets."""
        dump = f"dumpxml --inactive {uuid}"
        commands = f"define /dev/stdin; {dump}; echo '\n{SPLIT}\n'; {dump} --security-info"
        done = self.virsh_argv(["virsh", "-q", "-c", self.uri, commands], xml)
        assert not done.err, done.err
        plain, _, self.secure = done.out.partition(f"\n{SPLIT}\n")
        return plain

    def uuids(self) -> list[str]:
        """All domains."""
        return self.virsh("list", "--all", "--uuid").split()

    def dump(self, uuid: str, *options: str) -> str:
        """The persistent definition."""
        return self.virsh("dumpxml", "--inactive", *options, f"--domain={uuid}")

    def disk(self, name: str) -> str:
        """A new image, and the element that gives it to a domain."""
        image = self.folder / "lib" / f"{name}.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", image, "1M"], check=True)
        return (
            "<disk type='file'><driver name='qemu' type='qcow2'/>"
            f"<source file='{FOLDERS['lib']}/{name}.qcow2'/><target dev='vda' bus='virtio'/></disk>"
        )

    def clear(self) -> None:
        """No domain is left."""
        for uuid in self.virsh("list", "--uuid").split():
            self.virsh("destroy", uuid)
        for uuid in self.uuids():
            self.virsh("undefine", *EVERYTHING, uuid)

    def alive(self) -> bool:
        """Whether it still answers."""
        return self.virsh_argv(["virsh", "-q", "-c", self.uri, "uri"], None).rc == 0

    def launch(self) -> None:
        """Start it on the folder that it has; returns when it answers."""
        mounts = [f"mount --bind {self.folder / name} {real}" for name, real in FOLDERS.items()]
        mounts[-1] = f"mount --bind {SHARED_CACHE} {FOLDERS['cache']}"
        script = "; ".join(
            [
                "set -e",
                "mount --make-rprivate /",
                *mounts,
                HUGETLBFS,
                f"exec libvirtd -p {self.folder}/libvirtd.pid",
            ]
        )
        with (self.folder / "libvirtd.log").open("ab") as log:
            argv = ["unshare", "-m", "sh", "-c", script]
            self.process = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT)
        self._wait()

    def _wait(self) -> None:
        for _ in range(300):
            if (self.folder / "run" / "libvirt-sock").exists() and self.alive():
                self.virsh("capabilities")  # probes QEMU, once for every test
                return
            assert self.process.poll() is None, (self.folder / "libvirtd.log").read_text()
            time.sleep(0.1)
        raise AssertionError("libvirtd did not answer within 30 s")

    def stop(self) -> None:
        """End the daemon, and no other process."""
        self.process.terminate()
        self.process.wait(30)


def start(folder: Path) -> Daemon:
    """A libvirtd that is ready to be asked."""
    for name, real in FOLDERS.items():
        (folder / name).mkdir(parents=True)
        Path(real).mkdir(parents=True, exist_ok=True)
    shutil.copytree(FOLDERS["etc"], folder / "etc", dirs_exist_ok=True)
    shutil.rmtree(folder / "etc" / "qemu", ignore_errors=True)
    (folder / "etc" / "libvirtd.conf").write_text(CONFIG)
    (folder / "etc" / "qemu.conf").write_text(QEMU_CONFIG)
    os.chmod("/dev/kvm", 0o666) if os.path.exists("/dev/kvm") else None
    SHARED_CACHE.mkdir(exist_ok=True)
    daemon = Daemon(folder)
    daemon.launch()
    return daemon


MINIMAL = """<domain type='qemu'>
  <name>{name}</name>
  <memory unit='MiB'>64</memory>
  <vcpu>2</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <devices>{devices}</devices>
</domain>
"""


def minimal(name: str, devices: str = "") -> str:
    """A small domain with software emulation."""
    return MINIMAL.format(name=name, devices=devices)


def fitted(xml: str) -> str:
    """A definition from elsewhere made one for this machine: its QEMU, its machine types, no Xen,
    nothing that libvirt 9.0 does not know yet.

    The rest is as its author wrote it.
    """
    xml = re.sub(
        r"<emulator>([^<]*)</emulator>",
        lambda found: found[0] if os.path.exists(found[1]) else "",
        xml,
    )
    xml = re.sub(
        r"machine=(['\"])(pc|q35|pc-i440fx|pc-q35)-[\w.]+['\"]",
        lambda found: f"machine='{'q35' if 'q35' in found[2] else 'pc'}'",
        xml,
    )
    kind = r"<domain( [^>]*)?type=(['\"])(test|xen)['\"]"
    xml = re.sub(kind, lambda found: f"<domain{found[1] or ''} type='qemu'", xml, count=1)
    return _older(xml)


def _older(xml: str) -> str:
    """What libvirt learned after 9.0, in the words of before."""
    xml = re.sub(r"<watchdog model=(['\"])itco['\"]", "<watchdog model='i6300esb'", xml)
    xml = re.sub(r"<audio ([^>]*)type=(['\"])pipewire['\"]", r"<audio \1type='pulseaudio'", xml)
    if "<loader" in xml:  # either a firmware that libvirt chooses, or a loader
        xml = re.sub(r"<os firmware=(['\"])efi['\"]>", "<os>", xml)
        xml = re.sub(r"<firmware>.*?</firmware>", "", xml, flags=re.DOTALL)
        xml = re.sub(r"(<(?:loader|nvram)[^>]*) format=(['\"])\w+['\"]", r"\1", xml)
    return xml
