"""The six digits of an authenticator app (RFC 6238): right, and good once. Pure: time is an argument."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping

from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from splitter.core.keys import ValueProblem

SECRET_BYTES = 20
STEP_S = 30
_LEAST_BYTES = 10
_DIGITS = 6


def parse_totp(text: str) -> str:
    """A secret in base32, as apps take it; blanks and small letters are forgiven."""
    letters = text.replace(" ", "").upper().rstrip("=")
    try:
        secret = _bytes(letters)
    except binascii.Error:
        raise ValueProblem("is no secret of an authenticator app", "write it in base32: A to Z, 2 to 7") from None
    if len(secret) < _LEAST_BYTES:
        raise ValueProblem("is too short for a secret", f"make {SECRET_BYTES} bytes: splitter account add USER --totp")
    return letters


def secret_text(secret: bytes) -> str:
    """A secret as apps and the configuration take it."""
    return base64.b32encode(secret).decode().rstrip("=")


def address_of(user: str, issuer: str, secret: str) -> str:
    """The otpauth:// address that a QR code shows to an app."""
    return _totp(secret).get_provisioning_uri(user, issuer)


class OneTimeCodes:
    """Judges codes, and lets none be used twice (RFC 6238 §5.2).

    Args:
        used: user → the step of the newest code that was used before our time.
    """

    def __init__(self, used: Mapping[str, int] | None = None) -> None:
        self._used = dict(used or {})

    def used(self, wall: float) -> dict[str, int]:
        """Tell what was used and would otherwise be good still; the rest is forgotten."""
        now = int(wall // STEP_S)
        self._used = {user: step for user, step in self._used.items() if step >= now - 1}
        return self._used

    def take(self, user: str, secret: str, code: str, wall: float) -> int | None:
        """Take a code of now, or of a step before or after, where clocks differ; from then on it is used.

        Returns: its step; None for a code that is wrong, or used already.
        """
        now = int(wall // STEP_S)
        for step in (now, now - 1, now + 1):
            if step <= self._used.get(user, -1):
                continue
            if hmac.compare_digest(_totp(secret).generate(max(step, 0) * STEP_S), code.encode()):
                self._used[user] = step
                return step
        return None


def _totp(secret: str) -> TOTP:
    return TOTP(_bytes(secret), _DIGITS, SHA1(), STEP_S, enforce_key_length=False)


def _bytes(letters: str) -> bytes:
    return base64.b32decode(letters + "=" * (-len(letters) % 8))
