"""Nonces that the server need not remember (RFC 7616 §3.3, §5.4), and the memory that catches replays. Pure.

A nonce tells its own age and proves by an HMAC that it is ours. Only nonces that were used rightly are remembered, with
their counts: nobody without a password can fill the memory, and when it is full, the oldest nonces are not forgotten
but called stale.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from dataclasses import dataclass

LIFETIME_S = 300.0
CAPACITY = 20_000
WINDOW = 64
"""UDP may turn requests of one client round; counts so far below its highest one are still told apart."""

_AGE_BYTES, _SALT_BYTES, _PROOF_BYTES = 8, 8, 16
_LENGTH = _AGE_BYTES + _SALT_BYTES + _PROOF_BYTES


@dataclass(slots=True)
class _Use:
    """The counts that were used with a nonce: the highest, and the WINDOW below it as bits."""

    highest: int
    seen: int
    made_ms: int

    def take(self, count: int) -> bool:
        ahead = count - self.highest
        if ahead > 0:
            self.seen = (self.seen << min(ahead, WINDOW) | 1) & ((1 << WINDOW) - 1)
            self.highest = count
            return True
        bit = 1 << -ahead
        if -ahead >= WINDOW or self.seen & bit:
            return False
        self.seen |= bit
        return True


class Nonces:
    """Makes and judges the nonces of one server.

    Args:
        secret: random, 16 bytes or more; nonces of another secret are not believed.
        lifetime_s: how long one may be used.
        capacity: the most that are remembered for their counts.
    """

    def __init__(self, secret: bytes, lifetime_s: float = LIFETIME_S, capacity: int = CAPACITY) -> None:
        self._secret = secret
        self._lifetime_ms = int(lifetime_s * 1000)
        self._capacity = capacity
        self._uses: OrderedDict[str, _Use] = OrderedDict()
        self._floor_ms = -1  # nonces made until then are stale: their counts may be forgotten

    def make(self, binding: str, salt: int, now: float) -> str:
        """Make a nonce for this binding.

        Args:
            binding: whom it is for, such as realm and source address; worthless to anyone else.
            salt: random, 64 bits; tells nonces of one millisecond apart.
            now: monotonic seconds.
        """
        head = int(now * 1000).to_bytes(_AGE_BYTES, "big") + (salt % 2**64).to_bytes(_SALT_BYTES, "big")
        return urlsafe_b64encode(head + self._proof(head, binding)).decode().rstrip("=")

    def fresh(self, nonce: str, binding: str, now: float) -> bool:
        """True for a nonce of ours, for this binding, that is young enough."""
        made_ms = self._made_ms(nonce, binding)
        return made_ms is not None and self._floor_ms < made_ms and int(now * 1000) - made_ms <= self._lifetime_ms

    def take(self, nonce: str, count: int) -> bool:
        """Use a fresh nonce for the `count`th time; False for a replay. For who has proved to know the password."""
        use = self._uses.get(nonce)
        if use is not None:
            return use.take(count)
        made_ms = int.from_bytes(_decoded(nonce)[:_AGE_BYTES], "big")
        if made_ms <= self._floor_ms:
            return False
        self._uses[nonce] = _Use(count, 1, made_ms)
        if len(self._uses) > self._capacity:
            _, forgotten = self._uses.popitem(last=False)
            self._floor_ms = max(self._floor_ms, forgotten.made_ms)
        return True

    def __len__(self) -> int:
        """Nonces that are remembered."""
        return len(self._uses)

    def _made_ms(self, nonce: str, binding: str) -> int | None:
        """When it was made; None where it is not ours, or not for this binding."""
        raw = _decoded(nonce)
        head, proof = raw[:-_PROOF_BYTES], raw[-_PROOF_BYTES:]
        if len(raw) != _LENGTH or not hmac.compare_digest(proof, self._proof(head, binding)):
            return None
        return int.from_bytes(head[:_AGE_BYTES], "big")

    def _proof(self, head: bytes, binding: str) -> bytes:
        return hmac.digest(self._secret, head + binding.encode(), "sha256")[:_PROOF_BYTES]


def _decoded(nonce: str) -> bytes:
    """The bytes of a nonce in its one spelling; empty for anything else."""
    try:
        raw = urlsafe_b64decode(nonce + "=" * (-len(nonce) % 4)) if len(nonce) < 100 else b""
    except ValueError:
        return b""
    # Base 64 has several spellings of the same bytes; each would have counts of its own.
    return raw if urlsafe_b64encode(raw).decode().rstrip("=") == nonce else b""
