"""The key that signs the ledger of recordings (Ed25519, RFC 8032), a file outside their folder. Does I/O."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from splitter.core.errors import LocalError


class SigningKey:
    """A key that signs.

    Attributes:
        name: of its public half: the begin of that one's hash.
    """

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.name = name_of(private.public_key())

    def sign(self, data: bytes) -> str:
        """A signature, in hex."""
        return self._private.sign(data).hex()


class CheckingKey:
    """The public half: it checks what the other one has signed. `name`: as of that."""

    def __init__(self, public: Ed25519PublicKey) -> None:
        self._public = public
        self.name = name_of(public)

    def signed(self, data: bytes, signature: str) -> bool:
        """Whether it is a signature of this."""
        try:
            self._public.verify(bytes.fromhex(signature), data)
        except (InvalidSignature, ValueError):
            return False
        return True


def name_of(public: Ed25519PublicKey) -> str:
    """The name of a key: 16 hex digits."""
    return hashlib.sha256(public.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def key_file(folder: str, key: str) -> Path:
    """The file of the key of a folder of recordings; `key`: as it is configured."""
    return Path(key) if key else Path(folder).parent / "recordings.key"


def public_of(path: Path) -> Path:
    """The file of the public half, beside the key."""
    return path.with_suffix(".pub")


def read_or_make(path: Path) -> tuple[SigningKey, bool]:
    """The key of this file, which is made where there is none.

    Returns: the key, and whether it was made.
    Raises:
        LocalError: it cannot be read or made, or others may read it.
    """
    try:
        if path.exists():
            return _read(path), False
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        private = Ed25519PrivateKey.generate()
        data = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
        public_of(path).write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        return SigningKey(private), True
    except OSError as error:
        raise LocalError(f"the key of recordings, {path}: {error.strerror or error}") from error


def _read(path: Path) -> SigningKey:
    if path.stat().st_mode & 0o077:
        raise LocalError(f"the key of recordings, {path}, may be read by others: chmod 600")
    try:
        private = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise LocalError(f"the key of recordings, {path}, is no key: {error}") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise LocalError(f"the key of recordings, {path}, is none of Ed25519")
    return SigningKey(private)


def read_public(path: Path) -> CheckingKey:
    """The public key of this file, or of the key in it.

    Raises:
        LocalError: there is none.
    """
    try:
        data = path.read_bytes()
        if b"PRIVATE" in data:
            private = load_pem_private_key(data, None)
            if isinstance(private, Ed25519PrivateKey):
                return CheckingKey(private.public_key())
        public = load_pem_public_key(data)
    except OSError as error:
        raise LocalError(f"{path}: {error.strerror or error}") from error
    except (ValueError, TypeError) as error:
        raise LocalError(f"{path} is no key: {error}") from error
    if not isinstance(public, Ed25519PublicKey):
        raise LocalError(f"{path} is no key of Ed25519")
    return CheckingKey(public)
