"""sd_notify(3): tells systemd that we are ready, alive and stopping. Does I/O: one datagram per message.

Without systemd (NOTIFY_SOCKET not set) everything here is a no-op.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping


class Notifier:
    """The service manager's socket.

    Args:
        environment: where NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID are read from; the process's by default.
    """

    def __init__(self, environment: Mapping[str, str] | None = None) -> None:
        env = os.environ if environment is None else environment
        self._address = env.get("NOTIFY_SOCKET", "")
        if self._address.startswith("@"):  # an abstract socket: its name begins with a zero byte
            self._address = "\0" + self._address[1:]
        self.watchdog_interval_s = _watchdog_interval(env)

    def ready(self, status: str = "") -> None:
        """The service has started: its sockets are open and calls are taken."""
        self._send("READY=1", status)

    def stopping(self, status: str = "") -> None:
        """The service is going down; the drain begins."""
        self._send("STOPPING=1", status)

    def status(self, status: str) -> None:
        """One line for `systemctl status`."""
        self._send("", status)

    def alive(self) -> None:
        """Feed the watchdog once."""
        self._send("WATCHDOG=1")

    async def keep_alive(self) -> None:
        """Feed the watchdog until cancelled; returns at once where none is configured.

        Runs in the event loop on purpose: a loop that hangs feeds nothing, and systemd restarts the process.
        """
        while self.watchdog_interval_s:
            self.alive()
            await asyncio.sleep(self.watchdog_interval_s)

    def _send(self, state: str, status: str = "") -> None:
        lines = [line for line in (state, f"STATUS={status}" if status else "") if line]
        if not self._address or not lines:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sock:
            try:
                sock.sendto("\n".join(lines).encode(), self._address)
            except OSError:
                pass  # a lost notification must not stop the gateway; systemd's own timeouts tell the operator


def _watchdog_interval(env: Mapping[str, str]) -> float:
    """Half of WATCHDOG_USEC, as sd_watchdog_enabled(3) advises; 0 where the watchdog is off or meant for another."""
    usec, pid = env.get("WATCHDOG_USEC", ""), env.get("WATCHDOG_PID", "")
    if not usec.isdecimal() or (pid and pid != str(os.getpid())):
        return 0.0
    return int(usec) / 2_000_000
