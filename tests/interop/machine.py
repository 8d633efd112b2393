"""A fresh Debian system in a folder, which commands are run in, or which systemd boots as a machine. Does I/O."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.patience import PATIENCE_S

_ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
_COMMAND_LIMIT_S = 600

# What a container manager gives to the systemd in it. The root is changed by pivot_root: a process whose root was changed
# by chroot may not make user namespaces (user_namespaces(7)), which PrivateUsers=yes needs.
_BOOT = """
mount --bind "$0" "$0"
cd "$0"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
for one in run tmp dev; do mount -t tmpfs tmpfs $one; done
mkdir dev/shm dev/pts dev/old
for one in null zero full random urandom tty; do touch dev/$one; mount --bind /dev/$one dev/$one; done
mount -t devpts -o newinstance,ptmxmode=0666 devpts dev/pts
ln -s pts/ptmx dev/ptmx
pivot_root . dev/old
umount -l /dev/old
container=other exec /lib/systemd/systemd --system --show-status=no --unit=multi-user.target
"""


# dpkg waits for the disk after each file, for the sake of a machine that loses its power meanwhile; this one is thrown away.
_THROWN_AWAY = "etc/dpkg/dpkg.cfg.d/thrown-away"


class System:
    """A fresh system in a folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def copied(cls, of: Path, root: Path) -> System:
        """A copy of the system that lies in a folder."""
        subprocess.run(["cp", "-a", str(of), str(root)], check=True)
        (root / _THROWN_AWAY).write_text("force-unsafe-io\n")
        return cls(root)

    def remove(self) -> None:
        """Throw it away."""
        subprocess.run(["rm", "-rf", str(self.root)], check=True)

    def run(self, *command: str, expect: int = 0) -> str:
        """Run a command in it. Returns: what it printed."""
        return _run(["chroot", str(self.root), *command], expect)

    def alone(self, script: str) -> str:
        """Run a script of the shell in it, with a network and processes of its own, which end with it."""
        inner = f'ip link set lo up && mount -t proc proc {self.root}/proc && exec chroot {self.root} sh -euc "$0"'
        return _run(["unshare", "-n", "-m", "-p", "-f", "--kill-child", "sh", "-euc", inner, script], 0)

    @contextmanager
    def booted(self, log: Path, within: Sequence[str] = ()) -> Iterator[Machine]:
        """systemd runs it, in the network that `within` leads to, until the block is left."""
        command = [
            *within,
            "unshare",
            "-m",
            "-p",
            "-u",
            "-i",
            "-C",
            "-f",
            "--kill-child",
            "sh",
            "-euc",
            _BOOT,
            str(self.root),
        ]
        with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
            try:
                yield Machine(_first_process_of(process, log))
            finally:
                process.kill()


class Machine:
    """A system that systemd runs."""

    def __init__(self, pid: int) -> None:
        self._within = ["nsenter", "-t", str(pid), "-m", "-n", "-u", "-i", "-p", "-C", "-r", "-w"]

    def run(self, *command: str, expect: int | None = 0) -> str:
        """Run a command in it. Returns: what it printed."""
        try:
            return _run([*self._within, *command], expect)
        except AssertionError as error:
            journal = _run([*self._within, "journalctl", "-n", "60", "-o", "cat"], None)
            raise AssertionError(f"{error}\n{journal}") from None

    def main_pid(self, unit: str) -> int:
        """Its number in the machine; 0 while the unit does not run."""
        return int(self.run("systemctl", "show", "-P", "MainPID", unit))


def machines_can_boot(root: Path) -> None:
    """Let this program end with a word on what is missing where the system in this folder cannot be booted here."""
    if not (root / "lib/systemd/systemd").exists():
        sys.exit(f"{root} has no systemd; remove it, and let it be made anew: make peers, or make deb RELEASE=…")
    tried = subprocess.run(["unshare", "-n", "-m", "-p", "-C", "-f", "true"], capture_output=True, text=True)
    if tried.returncode:
        sys.exit(
            f"a system is booted in namespaces of its own, which this machine does not give ({tried.stderr.strip()}); be root"
        )
    if "cgroup2" not in Path("/proc/filesystems").read_text():
        sys.exit("systemd is booted in a control group of version 2, which this machine's kernel has not")


def _first_process_of(unshare: subprocess.Popen[bytes], log: Path) -> int:
    """The number that systemd has outside, once it takes commands."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end and unshare.poll() is None:
        for child in Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children").read_text().split():
            if Path(f"/proc/{child}/comm").read_text().strip() != "systemd":
                continue  # it is still the shell before it
            asked = ["nsenter", "-t", child, "-m", "-p", "-C", "-r", "-w", "systemctl", "is-system-running"]
            said = subprocess.run(asked, capture_output=True, text=True).stdout.strip()
            if said in ("running", "degraded", "starting"):
                return int(child)
        time.sleep(0.1)
    raise AssertionError(f"systemd does not come up: {log.read_text(errors='replace')[-2000:]}")


def _run(command: list[str], expect: int | None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_COMMAND_LIMIT_S, env=_ENVIRONMENT)
    said = done.stdout + done.stderr
    assert expect in (None, done.returncode), said
    return said
