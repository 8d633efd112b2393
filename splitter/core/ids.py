"""Identifiers: calls, tags, branches. Random from an injected generator, so that a seed replays a run."""

from __future__ import annotations

import random

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: nothing to misread over a telephone


class IdSource:
    """Makes identifiers.

    Args:
        rng: the source of randomness; the system's by default. A seeded `random.Random` makes a run repeatable.
    """

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or random.SystemRandom()

    def _word(self, length: int) -> str:
        bits = self._rng.getrandbits(5 * length)
        return "".join(_ALPHABET[(bits >> 5 * i) & 31] for i in range(length))

    def call(self) -> str:
        """The id of one call over all its legs: 60 bits, readable aloud."""
        return self._word(12)

    def tag(self) -> str:
        """A From or To tag; RFC 3261 §19.3 asks for 32 bits of randomness or more."""
        return self._word(10)

    def branch(self) -> str:
        """A Via branch with the magic cookie of RFC 3261 §8.1.1.7."""
        return "z9hG4bK" + self._word(16)

    def sip_call_id(self, host: str) -> str:
        """A Call-ID of a leg that we originate (RFC 3261 §8.1.1.4)."""
        return f"{self._word(20)}@{host}"

    def number(self, below: int) -> int:
        """A random integer in [0, below): SSRC, first sequence number, session id."""
        return self._rng.randrange(below)
