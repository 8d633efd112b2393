"""A real Valkey (or Redis) on a Unix socket in a folder of its own; started, killed and paused as the test says. Does I/O."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

import redis

from splitter.cluster.settings import ClusterSettings
from tests.interop.process import Process, eventually


class ServerEnded(Exception):
    """It did not start: such as because its port was taken."""


class Server:
    """One server.

    Args:
        folder: of its socket and log; a path of few bytes.
        options: of the command line, such as ("--maxmemory", "2mb").
        file: its configuration; may shut the default user out.
    """

    def __init__(self, folder: Path, *options: str, file: Path | None = None) -> None:
        self.folder = folder
        self.options = options
        self._file = [] if file is None else [str(file)]
        self.socket = folder / "valkey.sock"
        self._process: Process | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start it, with nothing in it."""
        plain = ["--unixsocket", str(self.socket), "--save", "", "--appendonly", "no"]
        if not self._file:
            plain += ["--port", "0"] if "--port" not in self.options else []
        operator = ["--user", *["operator", "on", "nopass", "~*", "&*", "+@all"]]
        self._process = Process("valkey", [program(), *self._file, *plain, *operator, *self.options], self.folder)
        eventually(lambda: self._answers() or self._ended(), "Valkey answers", more=self._process.tail)

    def tail(self) -> str:
        """The end of what it has printed."""
        return self._process.tail() if self._process else ""

    def kill(self) -> None:
        """End it at once; all that it held is gone."""
        assert self._process
        self._process.kill()

    def pause(self) -> None:
        """Let it accept and answer nothing."""
        assert self._process
        self._process.signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process
        self._process.signal(signal.SIGCONT)

    def command(self, *words: str | bytes | int) -> Any:
        """Send one command as the operator."""
        with redis.Redis(unix_socket_path=str(self.socket), username="operator", password="-", protocol=2) as client:
            client.response_callbacks.clear()
            return client.execute_command(*words)

    def settings(self, **changes: Any) -> ClusterSettings:
        """The settings of node a on host A with this server."""
        return ClusterSettings(**{"node": "a", "host": "A", "valkey": (self.url,), "prefix": "p"} | changes)

    def _ended(self) -> bool:
        assert self._process
        if not self._process.running:
            raise ServerEnded(self._process.tail())
        return False

    def _answers(self) -> bool:
        try:
            return bool(self.command("PING"))
        except redis.AuthenticationError:
            return True
        except (redis.ConnectionError, OSError):
            return False

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, tb: TracebackType | None) -> None:
        self.go_on()
        self.kill()


def program() -> str:
    """The path of the server that this machine has."""
    found = shutil.which("valkey-server") or shutil.which("redis-server")
    assert found, "neither valkey-server nor redis-server: `make peers` installs one"
    return found


@contextmanager
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves room for a socket's name."""
    with tempfile.TemporaryDirectory(prefix="vk") as name:
        yield Path(name)


def certificates(folder: Path) -> None:
    """A certificate of 127.0.0.1, signed by itself: server.pem with server.key."""
    run = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=test"]
    subprocess.run(
        [*run, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "server.key", "-out", "server.pem"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
