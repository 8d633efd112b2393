"""A machine with two networks, and a host in each: network namespaces joined by veth. Real packets, no privilege outside.

    caller 10.77.1.2 ─ veth ─ 10.77.1.1 gateway 10.77.2.1 ─ veth ─ 10.77.2.2 centre         and fd77:1::, fd77:2:: alike

A socket belongs to the namespace in which it was made: a test runs in the gateway's, and makes its peers' sockets in
theirs. Whatever was made here is gone with the last descriptor of its namespace.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import groupby

from splitter.media.offload.kernel import KernelOffload
from splitter.media.offload.ports import Offload, OffloadPending, OffloadRefused, Ticket, VoiceFlow
from tests.patience import wait

_NEW_NETWORK = 0x4000_0000
_BATCH = {"ip": ["-batch"], "tc": ["-batch"], "nft": ["-f"]}  # one process for many commands
_libc = ctypes.CDLL(None, use_errno=True)

CALLER, GATEWAY_ACCESS = "10.77.1.2", "10.77.1.1"
CENTRE, GATEWAY_CORE = "10.77.2.2", "10.77.2.1"
CALLER_6, GATEWAY_ACCESS_6 = "fd77:1::2", "fd77:1::1"
CENTRE_6, GATEWAY_CORE_6 = "fd77:2::2", "fd77:2::1"


def _checked(done: int) -> None:
    if done < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def _here() -> int:
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


class Namespace:
    """A network namespace, entered by a `with` block."""

    def __init__(self) -> None:
        self._back: list[int] = []
        back = _here()
        try:
            _checked(_libc.unshare(_NEW_NETWORK))
            self._fd = _here()
            self.run("ip link set lo up")
        finally:
            _checked(_libc.setns(back, _NEW_NETWORK))
            os.close(back)

    @property
    def path(self) -> str:
        return f"/proc/{os.getpid()}/fd/{self._fd}"

    def __enter__(self) -> Namespace:
        self._back.append(_here())
        _checked(_libc.setns(self._fd, _NEW_NETWORK))
        return self

    def __exit__(self, *exc: object) -> None:
        back = self._back.pop()
        _checked(_libc.setns(back, _NEW_NETWORK))
        os.close(back)

    def close(self) -> None:
        os.close(self._fd)

    def run(self, *commands: str) -> None:
        """Run commands of ip, tc or nft where we are. Raises subprocess.CalledProcessError."""
        for tool, lines in groupby((command.partition(" ") for command in commands), key=lambda parts: parts[0]):
            batch = "\n".join(line for _, _, line in lines)
            subprocess.run([tool, *_BATCH[tool], "-"], input=batch.encode(), check=True, capture_output=True)

    def socket(self, host: str, port: int = 0) -> socket.socket:
        """A UDP socket of this namespace."""
        with self:
            sock = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((host, port))
        sock.settimeout(20)
        return sock


class Lab:
    """The three of them, entered by a `with` block."""

    def __init__(self) -> None:
        self.caller, self.gateway, self.centre = Namespace(), Namespace(), Namespace()
        with self.gateway as here:
            for name, host, four, six in (
                ("access", self.caller, "10.77.1", "fd77:1:"),
                ("core", self.centre, "10.77.2", "fd77:2:"),
            ):
                here.run(
                    f"ip link add {name} type veth peer name eth0 netns {host.path}",
                    f"ip addr add {four}.1/24 dev {name}",
                    f"ip addr add {six}:1/64 dev {name} nodad",
                    f"ip link set {name} up",
                )
                with host:
                    host.run(
                        f"ip addr add {four}.2/24 dev eth0",
                        f"ip addr add {six}:2/64 dev eth0 nodad",
                        "ip link set eth0 up",
                        f"ip route add default via {four}.1",
                    )
            self._await_carrier()

    def _await_carrier(self) -> None:
        """A link that was set up carries a moment later."""
        wait(lambda: all(b"state UP" in self.show(link) for link in ("access", "core")))

    def show(self, link: str) -> bytes:
        """The state of a link of the gateway; to be called there."""
        return subprocess.run(["ip", "link", "show", link], check=True, capture_output=True).stdout

    def __enter__(self) -> Lab:
        self.gateway.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self.gateway.__exit__()
        for one in (self.caller, self.gateway, self.centre):
            one.close()


@cache
def missing() -> str:
    """Why no such machine can be made here, or its kernel programmed; "" where all is well."""
    try:
        with Lab():
            KernelOffload(1).close()
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no network namespaces: {error}"
    except OffloadRefused as refusal:
        return f"no programs in the kernel: {refusal}"
    return ""


def engage(offload: Offload, flow: VoiceFlow) -> Ticket:
    """Have a flow taken as soon as it can be. Raises OffloadRefused."""
    while True:
        try:
            return offload.engage(flow)
        except OffloadPending:
            time.sleep(0.005)


@contextmanager
def kernel(limit: int = 100) -> Iterator[KernelOffload]:
    """An offload that is taken off at the end."""
    made = KernelOffload(limit)
    try:
        yield made
    finally:
        made.close()
