"""Two hosts and a lab on one Ethernet, as network namespaces; nothing of it touches the machine's own network. Does I/O.

lab: 10.77.0.1 on a bridge ─┬─ host A: eth0, 10.77.0.2        node a: 10.77.0.10, wherever keepalived has it
                            └─ host B: eth0, 10.77.0.3
"""

from __future__ import annotations

import ctypes
import os
import secrets
import subprocess
from pathlib import Path

LAB, NODE = "10.77.0.1", "10.77.0.10"
HOSTS = {"A": "10.77.0.2", "B": "10.77.0.3"}
_CLONE_NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


class Namespaces:
    """A context manager: inside it the namespaces exist, and this thread is in that of the lab."""

    def __init__(self) -> None:
        self._mark = f"splitter-{os.getpid()}-{secrets.token_hex(2)}"
        self._home = -1

    def __enter__(self) -> Namespaces:
        self._home = os.open("/proc/self/ns/net", os.O_RDONLY)
        try:
            self._build()
            _enter(Path("/run/netns") / self.name("lab"))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        _enter(Path(f"/proc/self/fd/{self._home}"))
        os.close(self._home)
        for host in ("lab", *HOSTS):
            subprocess.run(["ip", "netns", "del", self.name(host)], capture_output=True)

    def name(self, host: str) -> str:
        return f"{self._mark}-{host}"

    def within(self, host: str) -> tuple[str, ...]:
        """The command that runs another one on this host."""
        return ("ip", "netns", "exec", self.name(host))

    def cut(self, host: str) -> None:
        """Pull the plug of a host."""
        self._ip("lab", "link", "set", f"to-{host}", "down")

    def mend(self, host: str) -> None:
        """Put it in again."""
        self._ip("lab", "link", "set", f"to-{host}", "up")

    def refuse(self, host: str, port: int) -> None:
        """Let a host no longer reach this TCP port of the lab, from now on, without a word."""
        self._tables(host, "-A", port)

    def allow(self, host: str, port: int) -> None:
        self._tables(host, "-D", port)

    def add_address(self, host: str, address: str) -> None:
        """Give a host, or the lab, one more address."""
        self._ip(host, "addr", "add", f"{address}/24", "dev", "br0" if host == "lab" else "eth0")

    def has_address(self, host: str, address: str = NODE) -> bool:
        shown = subprocess.run(["ip", "-n", self.name(host), "addr", "show", "eth0"], capture_output=True, text=True)
        return f" {address}/" in shown.stdout

    def mac(self, host: str) -> str:
        path = "/sys/class/net/eth0/address"
        return subprocess.run([*self.within(host), "cat", path], capture_output=True, text=True).stdout.strip()

    def _build(self) -> None:
        _run("ip", "netns", "add", self.name("lab"))
        for words in ("link set lo up", "link add br0 type bridge", f"addr add {LAB}/24 dev br0", "link set br0 up"):
            self._ip("lab", *words.split())
        for host, address in HOSTS.items():
            _run("ip", "netns", "add", self.name(host))
            self._ip("lab", *f"link add to-{host} type veth peer name eth0 netns {self.name(host)}".split())
            self._ip("lab", *f"link set to-{host} master br0 up".split())
            for words in ("link set lo up", f"addr add {address}/24 dev eth0", "link set eth0 up"):
                self._ip(host, *words.split())

    def _ip(self, host: str, *words: str) -> None:
        _run("ip", "-n", self.name(host), *words)

    def _tables(self, host: str, what: str, port: int) -> None:
        rule = f"OUTPUT -d {LAB} -p tcp --dport {port} -j DROP".split()
        _run(*self.within(host), "iptables", what, *rule)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"


def _enter(path: Path) -> None:
    """Bring this thread, and what it begins from now on, into a namespace."""
    fd = os.open(path, os.O_RDONLY)
    try:
        assert _LIBC.setns(fd, _CLONE_NEWNET) == 0, os.strerror(ctypes.get_errno())
    finally:
        os.close(fd)
