"""Texts that only we can have written: VERSION "." PAYLOAD "." SIGNATURE. Pure.

The payload is base64url, the signature HMAC-SHA256 over all that stands before it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac


def seal(secret: bytes, version: str, payload: bytes) -> str:
    """Sign a payload, which everybody can read."""
    signed = f"{version}.{_text(payload)}"
    return f"{signed}.{_text(_signature(secret, signed))}"


def unseal(secret: bytes, version: str, text: str) -> bytes:
    """The payload of a text that `seal` made. Raises ValueError: it is not ours, or of something else."""
    signed, _, signature = text.rpartition(".")
    if not text.isascii() or not signed.startswith(f"{version}."):
        raise ValueError("malformed")
    if not hmac.compare_digest(_text(_signature(secret, signed)), signature):
        raise ValueError("forged")
    try:
        return _bytes(signed.partition(".")[2])
    except binascii.Error as error:
        raise ValueError("malformed") from error


def _signature(secret: bytes, text: str) -> bytes:
    return hmac.digest(secret, text.encode(), hashlib.sha256)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
