"""Identifiers: calls, tags, branches. Random from an injected generator, so that a seed replays a run."""

from __future__ import annotations

import os
import random

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: nothing to misread over a telephone
CALL_ID_LETTERS = 12

_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]  # ten bits at a time
_POOL_BYTES = 4096


class PooledRandom(random.Random):
    """The system's randomness, read in larger pieces: a system call for each identifier would cost a call as much as
    parsing all of its messages."""

    def __init__(self) -> None:
        self._pool = b""
        self._at = 0
        super().__init__()

    def getrandbits(self, k: int, /) -> int:
        size = (k + 7) // 8
        if self._at + size > len(self._pool):
            self._pool, self._at = os.urandom(max(_POOL_BYTES, size)), 0
        piece = self._pool[self._at : self._at + size]
        self._at += size
        return int.from_bytes(piece) >> (size * 8 - k)

    def random(self) -> float:
        return self.getrandbits(53) / (1 << 53)

    def seed(self, *_: object, **__: object) -> None:
        """The system cannot be seeded."""


class IdSource:
    """A source of identifiers.

    Args:
        rng: the source of randomness; the system's by default. A seeded `random.Random` makes a run repeatable.
    """

    def __init__(self, rng: random.Random | None = None) -> None:
        self._rng = rng or PooledRandom()

    def _word(self, length: int) -> str:
        bits = self._rng.getrandbits(5 * length)
        return "".join([_PAIRS[(bits >> shift) & 1023] for shift in range(0, 5 * length, 10)])

    def call(self) -> str:
        """The id of one call over all its legs: 60 bits, readable aloud."""
        return self._word(CALL_ID_LETTERS)

    def tag(self) -> str:
        """A From or To tag; RFC 3261 §19.3 asks for 32 bits of randomness or more."""
        return self._word(10)

    def branch(self) -> str:
        """A Via branch with the magic cookie of RFC 3261 §8.1.1.7."""
        return "z9hG4bK" + self._word(16)

    def sip_call_id(self, host: str) -> str:
        """A Call-ID of a leg that we originate (RFC 3261 §8.1.1.4)."""
        return f"{self._word(20)}@{host}"

    def fraction(self) -> float:
        """A random number in [0, 1)."""
        return self._rng.random()

    def number(self, below: int) -> int:
        """A random integer in [0, below): SSRC, first sequence number, session id."""
        return self._rng.randrange(below)
