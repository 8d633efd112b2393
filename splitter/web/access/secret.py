"""The secret that tokens are signed with. Does I/O: a file that only we may read, made at the first start."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

import structlog

from splitter.calls.logins.access import SECRET_BYTES
from splitter.core.errors import LocalError
from splitter.store.schema import beside

_MOST = 4096

log = structlog.get_logger(__name__)


def secret_beside(store: str) -> Path | None:
    """The place of the secret if nobody says: beside the store; None for a store that is nowhere."""
    return beside(store, "api-secret")


def secret_or_new(path: Path | None) -> tuple[bytes, str]:
    """Read it, or do without: the secret, and what an operator should know; empty where all is well."""
    try:
        return load_secret(path), ""
    except LocalError as error:
        log.error("logins will not survive a restart", reason=str(error))
        return load_secret(None), str(error)


def load_secret(path: Path | None) -> bytes:
    """Read it; make it where there is none. Without a path it is new each time.

    Raises:
        LocalError: it cannot be read or made, or is too short to be one.
    """
    if path is None:
        return secrets.token_bytes(SECRET_BYTES)
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise LocalError(f"the API's secret {path} cannot be read: {error.strerror or error}") from error
    return _make(path)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o077:
            log.warning("others can read the API's secret, and make tokens with it; chmod 600", path=str(path))
        secret = file.read(_MOST)
    if len(secret) < SECRET_BYTES:
        raise LocalError(
            f"the API's secret {path} has less than {SECRET_BYTES} bytes: delete it, and a good one is made"
        )
    return secret


def _make(path: Path) -> bytes:
    """A new one, complete before it has its name: whoever starts at the same time reads all of it or makes its own."""
    secret = secrets.token_bytes(SECRET_BYTES)
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(secret)
                file.flush()
                os.fsync(file.fileno())
            os.link(part, path)
        finally:
            part.unlink()
    except FileExistsError:
        return _read(path)
    except OSError as error:
        raise LocalError(f"the API's secret {path} cannot be made: {error.strerror or error}") from error
    log.info("made the secret that tokens of the API are signed with", path=str(path))
    return secret
