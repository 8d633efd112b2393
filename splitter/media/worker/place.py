"""Where workers and gateways find each other: sockets of fixed names in one folder, and who may use them. Does I/O.

A worker's socket is `media-INDEX.sock`. One that nobody listens on is left over from a worker that was killed, and is
replaced; a worker that ends removes its own and no other. One gateway at a time has the folder.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from splitter.core.errors import LocalError

SOCKET_PATH_LIMIT_BYTES = 107  # struct sockaddr_un
_BACKLOG = 16
_CREDENTIALS = struct.Struct("3i")  # struct ucred


def socket_of(folder: Path, index: int) -> Path:
    """The control socket of a worker.

    Raises:
        LocalError: the folder's path is too long for that.
    """
    path = folder / f"media-{index}.sock"
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT_BYTES:
        raise LocalError(f"media.socket_dir {folder}: too long for a Unix socket; name a shorter one")
    return path


def indexes_in(folder: Path) -> set[int]:
    """Find the indexes of the workers whose sockets are there."""
    names = (path.name.removeprefix("media-").removesuffix(".sock") for path in folder.glob("media-*.sock"))
    return {int(name) for name in names if name.isascii() and name.isdigit()}


def peer_of(transport: asyncio.BaseTransport) -> tuple[int, int]:
    """(process, user) at the other end of a Unix socket, by the kernel's word: of whoever listened or connected."""
    data = transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, _ = _CREDENTIALS.unpack(data)
    return pid, uid


class WorkerPlace:
    """A worker's socket.

    Attributes:
        listener: listens.
    """

    def __init__(self, path: Path) -> None:
        """Listen at `path`. Raises LocalError where somebody listens there already, or nobody can."""
        self._path = path
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _alone(path.parent):
                _clear(path)
                self.listener.bind(str(path))
                path.chmod(0o600)
                self.listener.listen(_BACKLOG)  # before others look: who does not listen is taken for dead
                self._inode = path.stat().st_ino
        except OSError as error:
            self.listener.close()
            raise LocalError(f"{path}: {error.strerror or error}") from error
        except LocalError:
            self.listener.close()
            raise

    def leave(self) -> None:
        """Remove the socket, unless it is somebody else's by now; before `listener` is closed."""
        try:
            with _alone(self._path.parent):
                if self._path.stat().st_ino == self._inode:
                    self._path.unlink()
        except OSError:
            pass  # the folder is gone, or was cleared


def _clear(path: Path) -> None:
    """Remove what is left over. Raises LocalError where it is not."""
    if not os.path.lexists(path):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
        else:
            raise LocalError(f"{path}: another media worker listens there")


def clear_dead(folder: Path) -> None:
    """Remove the sockets of workers that were killed before they could do so themselves."""
    with suppress(OSError), _alone(folder):
        for path in folder.glob("media-*.sock"):
            with suppress(OSError, LocalError):
                _clear(path)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else comes or goes in the folder meanwhile. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
