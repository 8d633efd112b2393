"""The signature of a webhook's body, so that its receiver knows that it is ours, and new. Pure.

Splitter-Signature: t=UNIX,v1=HEX      HEX: HMAC-SHA256(secret, "UNIX.BODY")
"""

from __future__ import annotations

import hashlib
import hmac

HEADER = "Splitter-Signature"
TOLERANCE_S = 300


def sign(secret: str, body: bytes, wall: float) -> str:
    """The header's value."""
    at = int(wall)
    return f"t={at},v1={_digest(secret, at, body)}"


def verify(secret: str, body: bytes, value: str, wall: float, tolerance_s: float = TOLERANCE_S) -> bool:
    """What a receiver does: True for a body that is ours and was signed just now."""
    fields = dict(part.split("=", 1) for part in value.split(",") if "=" in part)
    at = fields.get("t", "")
    if not (at.isascii() and at.isdigit()) or len(at) > 12 or abs(wall - int(at)) > tolerance_s:
        return False
    return hmac.compare_digest(_digest(secret, int(at), body), fields.get("v1", ""))


def _digest(secret: str, at: int, body: bytes) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
