"""coturn, a TURN server that browsers reach by TCP alone, or by TLS alone. Does I/O."""

from __future__ import annotations

import socket
from pathlib import Path
from types import TracebackType

from splitter.lab.places import free_ports
from tests.interop.process import Process, eventually
from tests.transport.pki import Paper

SECRET = "a secret of the two of us"


class Relay:
    """A context manager: coturn runs inside it.

    Args:
        host: where browsers reach it, and whence it sends to the gateway.
        paper: its certificate; then nothing but TLS is let in.
    """

    def __init__(self, host: str, folder: Path, paper: Paper | None = None) -> None:
        self._host = host
        self._folder = folder
        self._paper = paper
        [self._port] = free_ports(host, 1)
        self.url = f"{'turns' if paper else 'turn'}:{host}:{self._port}?transport=tcp"

    def __enter__(self) -> Relay:
        words = (
            "turnserver", "-n", "--no-udp", "--no-dtls", "--no-cli", "--fingerprint", "--use-auth-secret",
            f"--static-auth-secret={SECRET}", "--realm=splitter", f"--listening-ip={self._host}",
            f"--relay-ip={self._host}", *self._door(), "--min-port=52000", "--max-port=52099",
            "--log-file=stdout", "--simple-log", f"--pidfile={self._folder}/coturn.pid", f"--userdb={self._folder}/none",
        )  # fmt: skip
        self._process = Process("coturn", words, self._folder)
        eventually(self._listens, "coturn listens", more=self._process.tail)
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self._process.kill()

    def _door(self) -> tuple[str, ...]:
        if self._paper is None:
            return (f"--listening-port={self._port}", "--no-tls")
        papers = (f"--cert={self._paper.certificate}", f"--pkey={self._paper.key}")
        return (f"--tls-listening-port={self._port}", "--no-tcp", *papers)

    def _listens(self) -> bool:
        with socket.socket() as end:
            return end.connect_ex((self._host, self._port)) == 0
