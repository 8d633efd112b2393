"""The keys that seal recordings: a file of them, or a command that wraps and unwraps (a KMS). Does I/O.

A data key is made anew each day and wrapped by a key of the file, the last one there, or by the command. Files hold the
wrapped one, so a recording can be opened as long as the key that wrapped it is there.
"""

from __future__ import annotations

import base64
import hashlib
import os
import shlex
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from splitter.core.errors import LocalError
from splitter.media.record.seal import HEADER_BYTES, DataKey, FileSeal, UnsealedSource, read_header
from splitter.media.record.source import RecordingSource

COMMAND_LIMIT_S = 8.0
_RENEW_S = 86_400.0
_OPENED_LIMIT = 1000
_BY_COMMAND = "command"

log = structlog.get_logger(__name__)


class SealKeys:
    """The keys that wrap data keys.

    Args:
        file: of the keys, a line each, the last one for what is sealed from now on.
        command: wraps and unwraps instead: called with "wrap" or "unwrap" as its last word, base64 in and out.
    """

    def __init__(self, file: str = "", command: str = "") -> None:
        self._file, self._command = file, command
        self._opened: dict[tuple[str, bytes], bytes] = {}

    def __bool__(self) -> bool:
        return bool(self._file or self._command)

    def make(self) -> DataKey:
        """A new data key. Raises LocalError: it cannot be wrapped."""
        key = os.urandom(32)
        if self._command:
            return DataKey(_BY_COMMAND, key, self._run("wrap", key))
        name, wrapping = list(read_keys(Path(self._file)).items())[-1]
        nonce = os.urandom(12)
        return DataKey(name, key, nonce + AESGCM(wrapping).encrypt(nonce, key, name.encode()))

    def unwrap(self, name: str, wrapped: bytes) -> bytes:
        """The data key again. Raises LocalError: the key that wrapped it is not here."""
        if (known := self._opened.get((name, wrapped))) is not None:
            return known
        key = self._run("unwrap", wrapped) if name == _BY_COMMAND else self._unwrap(name, wrapped)
        if len(self._opened) >= _OPENED_LIMIT:
            self._opened.clear()
        self._opened[name, wrapped] = key
        return key

    def plain(self, source: RecordingSource) -> RecordingSource:
        """Make plain what lies there sealed. Raises LocalError, OSError: it is closed."""
        try:
            header = read_header(source.read(0, HEADER_BYTES))
            if header is None:
                return source
            return UnsealedSource(source, header, self.unwrap(header.key, header.wrapped))
        except BaseException:
            source.close()
            raise

    def _unwrap(self, name: str, wrapped: bytes) -> bytes:
        wrapping = read_keys(Path(self._file)).get(name) if self._file else None
        if wrapping is None:
            raise LocalError(f"it is sealed with key {name[:40]}, which is not here: see [recording] seal_key")
        try:
            return AESGCM(wrapping).decrypt(wrapped[:12], wrapped[12:], name.encode())
        except (InvalidTag, ValueError):
            raise LocalError(f"its key cannot be unwrapped: it was changed, or key {name} is another one") from None

    def _run(self, verb: str, data: bytes) -> bytes:
        if not self._command:
            raise LocalError("it is sealed by a command, which is not configured here: see [recording] seal_command")
        try:
            done = subprocess.run(
                [*shlex.split(self._command), verb],
                input=base64.b64encode(data) + b"\n",
                capture_output=True,
                timeout=COMMAND_LIMIT_S,
                check=False,
            )
            if done.returncode:
                said = done.stderr.decode("utf-8", "replace").strip()[-200:]
                raise LocalError(f"seal_command {verb} failed: {said or f'it ended with {done.returncode}'}")
            result = base64.b64decode(done.stdout, validate=False)
        except subprocess.TimeoutExpired:
            raise LocalError(f"seal_command {verb} took longer than {COMMAND_LIMIT_S:g} s") from None
        except (OSError, ValueError) as error:
            raise LocalError(f"seal_command {verb}: {error}") from error
        if not result or (verb == "unwrap" and len(result) != 32):
            raise LocalError(f"seal_command {verb} gave back no key")
        return result


class Seals:
    """Seals for files that are written, by a data key that is made anew each day.

    Attributes:
        current: the data key of today.

    Raises:
        LocalError: none can be made.
    """

    def __init__(self, keys: SealKeys, clock: Callable[[], float] = time.monotonic) -> None:
        self._keys, self._clock = keys, clock
        self.current = keys.make()
        self._made = clock()
        self._renewing: threading.Thread | None = None

    def make(self, head: int = 0) -> FileSeal:
        """A seal for one file; never waits for a command."""
        renewing = self._renewing is not None and self._renewing.is_alive()
        if self._clock() - self._made >= _RENEW_S and not renewing:
            self._made = self._clock()
            self._renewing = threading.Thread(target=self.renew, name="seal", daemon=True)
            self._renewing.start()
        return FileSeal(self.current, head)

    def renew(self) -> None:
        """Make another one; where that cannot be, the one of before goes on."""
        try:
            self.current = self._keys.make()
        except LocalError as error:
            log.error("recordings are sealed with the data key of before", reason=str(error))


def read_keys(path: Path) -> dict[str, bytes]:
    """The keys of a file, by their names, the newest last. Raises LocalError."""
    try:
        if path.stat().st_mode & 0o077:
            raise LocalError(f"the keys that seal recordings, {path}, may be read by others: chmod 600")
        lines = path.read_text().split("\n")
    except (OSError, UnicodeError) as error:
        raise LocalError(f"the keys that seal recordings, {path}: {error}") from error
    keys = [base64.b64decode(line) for line in lines if _is_key(line)]
    if not keys or any(line.strip() and not line.startswith("#") and not _is_key(line) for line in lines):
        raise LocalError(f"the keys that seal recordings, {path}: each line is to hold 32 bytes in base64")
    return {name_of_key(key): key for key in keys}


def _is_key(line: str) -> bool:
    try:
        return len(base64.b64decode(line.strip(), validate=True)) == 32
    except ValueError:
        return False


def name_of_key(key: bytes) -> str:
    """The name of a key: the begin of its hash."""
    return hashlib.sha256(b"seal" + key).hexdigest()[:12]


def add_key(path: Path) -> str:
    """Add a key to a file, which is made where there is none. Returns: its name. Raises LocalError."""
    key = os.urandom(32)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(path, os.O_CREAT | os.O_APPEND | os.O_RDWR | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "ab") as file:
            size = os.fstat(fd).st_size
            torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"  # an editor may leave a last line so
            file.write((b"\n" if torn else b"") + base64.b64encode(key) + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise LocalError(f"the keys that seal recordings, {path}: {error.strerror or error}") from error
    return name_of_key(key)


def ensure_key(path: Path) -> bool:
    """See that a file of keys is there. Returns: whether it was made. Raises LocalError."""
    if path.exists():
        read_keys(path)
        return False
    add_key(path)
    return True
