"""The command line's end of the control socket: HTTP over a Unix socket, with the standard library alone. Does I/O.

aiohttp would take longer to import than most commands take to run.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import tomllib
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from urllib.parse import quote, urlencode

import click
import msgspec

from splitter.cli.text import NOT_RUNNING, fail

T = TypeVar("T")
DEFAULT_SOCKET = "/run/splitter/control.sock"  # as in splitter.config.model, which would import the whole configuration
ANSWER_LIMIT_S = 10.0
# A follower is sent an empty line every few seconds; longer silence than this means the gateway hangs.
SILENCE_LIMIT_S = 45.0


class RefusedByGateway(Exception):
    """The gateway answered with an error.

    Attributes:
        status: of HTTP.
        code: such as "no-such-call".
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("splitter", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Door:
    """Requests to the running gateway.

    Args:
        path: of its control socket.
        limit_s: for an answer.
    """

    def __init__(self, path: str, limit_s: float = ANSWER_LIMIT_S) -> None:
        self.path = path
        self._limit_s = limit_s

    def get(self, kind: type[T], *parts: str, **query: str | int | None) -> T:
        """GET /v1/PARTS and decode the answer as `kind`."""
        return msgspec.json.decode(self.read("GET", *parts, **query), type=kind)

    def listed(self, kind: type[T], name: str, *parts: str, **query: str | int | None) -> list[T]:
        """GET /v1/PARTS and decode the list called `name` in the answer."""
        answer = msgspec.json.decode(self.read("GET", *parts, **query), type=dict[str, msgspec.Raw])
        return msgspec.json.decode(answer[name], type=list[kind])  # type: ignore[valid-type]

    def read(self, method: str, *parts: str, **query: str | int | None) -> bytes:
        """Send one request and return the bytes of its answer; leaves the program where the gateway is not running.

        Raises:
            RefusedByGateway: the gateway answered with an error.
        """
        with closing(self._connect(self._limit_s)) as connection:
            return self._whole(self._send(connection, method, parts, query))

    def send(self, method: str, body: object, *parts: str) -> bytes:
        """Send one request with a body in JSON, and return the bytes of its answer. Raises as `read`."""
        with closing(self._connect(self._limit_s)) as connection:
            return self._whole(self._send(connection, method, parts, {}, msgspec.json.encode(body)))

    def save(self, file: Path, *parts: str, **query: str | int | None) -> None:
        """GET /v1/PARTS into a file that nobody else may read, however large. Raises as `read`, and OSError."""
        with closing(self._connect(SILENCE_LIMIT_S)) as connection:
            response = self._send(connection, "GET", parts, query)
            with file.open("wb") as out:
                os.fchmod(out.fileno(), 0o600)
                shutil.copyfileobj(response, out)
            if response.length:
                fail(f"{file} is cut off: {response.length} bytes did not come", NOT_RUNNING)

    def lines(self, *parts: str, **query: str | int | None) -> Iterator[bytes]:
        """A stream of lines, as they come; empty ones left out."""
        with closing(self._connect(SILENCE_LIMIT_S)) as connection:
            response = self._send(connection, "GET", parts, query)
            while line := self._line(response):
                if line.strip():
                    yield line

    # ---- inner ---------------------------------------------------------------------------------------------------

    def _connect(self, timeout: float) -> _SocketConnection:
        connection = _SocketConnection(self.path, timeout)
        try:
            connection.connect()
        except PermissionError:
            fail(f"no permission to use {self.path}; run as root or as a member of its group", NOT_RUNNING)
        except OSError as error:
            reason = error.strerror or str(error)
            fail(f"splitter is not running: {self.path}: {reason} (another socket? --socket PATH)", NOT_RUNNING)
        return connection

    def _send(
        self,
        connection: _SocketConnection,
        method: str,
        parts: tuple[str, ...],
        query: dict[str, Any],
        body: bytes | None = None,
    ) -> http.client.HTTPResponse:
        path = "/v1/" + "/".join(quote(part, safe="") for part in parts)
        asked = urlencode({name: value for name, value in query.items() if value is not None})
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, f"{path}?{asked}" if asked else path, body, headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            self._fail(error)
        if response.status >= 400:
            raise _refusal(response.status, self._whole(response))
        return response

    def _whole(self, response: http.client.HTTPResponse) -> bytes:
        try:
            return response.read()
        except (OSError, http.client.HTTPException) as error:
            self._fail(error)

    def _fail(self, error: Exception) -> NoReturn:
        fail(f"splitter does not answer on {self.path}: {error or type(error).__name__}", NOT_RUNNING)

    def _line(self, response: http.client.HTTPResponse) -> bytes:
        try:
            return response.readline()
        except (OSError, http.client.HTTPException) as error:
            fail(f"the trace broke off: {error or type(error).__name__}", NOT_RUNNING)


def _refusal(status: int, body: bytes) -> RefusedByGateway:
    try:
        error = json.loads(body)["error"]
        return RefusedByGateway(status, error["code"], error["message"])
    except (ValueError, KeyError, TypeError):
        return RefusedByGateway(status, "error", f"HTTP {status}: {body[:200].decode(errors='replace')}")


def open_door(ctx: click.Context) -> Door:
    """The gateway that the options name."""
    socket_path, config_path = ctx.find_root().obj
    return door_of(socket_path, config_path)


def door_of(socket_path: str | None, config_path: str, limit_s: float = ANSWER_LIMIT_S) -> Door:
    """The gateway behind this socket, else that of the configuration file, else the usual one."""
    return Door(socket_path or _configured(Path(config_path)) or DEFAULT_SOCKET, limit_s)


def _configured(file: Path) -> str | None:
    """gateway.control_socket of a configuration file; None where it cannot be had: `splitter check` tells why."""
    try:
        value = tomllib.loads(file.read_text(encoding="utf-8"))["gateway"]["control_socket"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(file.resolve().parent / value) if isinstance(value, str) and value else None
