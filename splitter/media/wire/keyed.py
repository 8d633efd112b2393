"""A pair of ports whose packets may be encrypted (SRTP, RFC 3711). Sends through the pair beneath it.

Whoever has it, a relay or a wire, sees plain packets: what comes is decrypted where it lies before its source is
believed, and what goes is encrypted last. Without keys nothing is done.

A direction whose key stays the same goes on where it was: its rollover counter and what it has seen are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from secrets import token_bytes

import structlog
from pylibsrtp import Policy

from splitter.core.net import Address
from splitter.media.fast.way import OpenedHandler, Rider
from splitter.media.wire.ends import RTCP_BYTES
from splitter.media.wire.host import PacketHandler, Pair
from splitter.media.wire.rollover import RolloverSearch
from splitter.media.wire.srtp import Cipher
from splitter.sdp.srtp import StreamKeys, Suite

log = structlog.get_logger(__name__)

_PROFILES = {
    Suite.AES_CM_128_HMAC_SHA1_80: Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    Suite.AES_CM_128_HMAC_SHA1_32: Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    Suite.AEAD_AES_128_GCM: Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    Suite.AEAD_AES_256_GCM: Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}

FORMER_S = 2.0
"""So long are packets under the peer's former key still taken: they were sent before it changed."""

DOUBTED = 25
"""So many packets that none of the keys opens, and none that one does, are told."""

_RTCP = range(192, 224)  # of the second byte (RFC 5761 §4)


class KeyedPair:
    """A pair of ports with keys, or without. As `Pair`.

    Args:
        open_pair: binds the pair.
        on_rtp, on_rtcp: take plain packets.
        now: the time.
        on_doubt: told once for each set of keys that nothing can be decrypted, from whom.

    Attributes:
        beneath: the pair that it stands on.
        unbelieved: packets that were not authentic, or had come before.
        replayed: those of them that had come before.
    """

    def __init__(
        self,
        open_pair: Callable[[PacketHandler, PacketHandler], Pair],
        on_rtp: PacketHandler,
        on_rtcp: PacketHandler,
        now: Callable[[], float],
        on_doubt: Callable[[Address], None],
    ) -> None:
        self._on_rtp, self._on_rtcp, self._on_doubt = on_rtp, on_rtcp, on_doubt
        self._now = now
        self._keys: StreamKeys | None = None
        self._opener: Cipher | None = None
        self._sealer: Cipher | None = None
        self._search: RolloverSearch | None = None
        self._former: tuple[Cipher, float] | None = None  # and how long it is good
        self._opened, self._failed = 0, 0  # under the present keys
        self._past_unbelieved = self._past_replayed = 0
        self.beneath = open_pair(self._take_rtp, self._take_rtcp)
        self.rtp_port, self.rtcp_port = self.beneath.rtp_port, self.beneath.rtcp_port
        self.late = self.beneath.late
        self.send_sealed = self.beneath.send_rtp

    # ---- its keys ----

    @property
    def keys(self) -> StreamKeys | None:
        """The present ones; None where its packets are plain."""
        return self._keys

    @property
    def keyed(self) -> bool:
        """Whether its packets are encrypted."""
        return self._keys is not None

    def set_keys(self, keys: StreamKeys | None) -> None:
        """Go by these from now on."""
        before = self._keys
        if keys == before:
            return
        self._keys = keys
        if keys is None:
            self._count_out()
            self._opener = self._sealer = self._former = self._search = None
            return
        if before is None or (before.suite, before.theirs) != (keys.suite, keys.theirs):
            if self._opener is not None:
                self._former = self._opener, self._now() + FORMER_S
            self._count_out()
            self._opener = opener = _cipher(keys.suite, incoming=keys.theirs)
            self._opened = self._failed = 0
            # Without a key of ours it was begun elsewhere, and its counter is to be found. So it is under another key
            # of the peer: RFC 3711 §3.3.1 has the counter go on, RFC 4568 §7.1.4 and many peers begin anew.
            make = partial(_cipher, keys.suite, incoming=keys.theirs, outgoing=keys.theirs)
            self._search = RolloverSearch(make, opener) if before is not None or not keys.ours else None
        if before is None or (before.suite, before.ours) != (keys.suite, keys.ours):
            self._sealer = _cipher(keys.suite, outgoing=keys.ours) if keys.ours else None

    def _count_out(self) -> None:
        if self._opener is not None:
            self._past_unbelieved, self._past_replayed = self.unbelieved, self.replayed

    @property
    def unbelieved(self) -> int:
        counts = self._opener.counts if self._opener is not None else None
        return self._past_unbelieved + (counts.unauthentic + counts.replayed if counts is not None else 0)

    @property
    def replayed(self) -> int:
        return self._past_replayed + (self._opener.counts.replayed if self._opener is not None else 0)

    # ---- what comes ----

    def _take_rtp(self, data: bytearray | memoryview, source: Address, now: float) -> None:
        if self._opener is None:
            self._on_rtp(data, source, now)
        elif len(data) > 1 and data[1] in _RTCP:  # multiplexed though it was not agreed (RFC 5761)
            self._take_rtcp(data, source, now)
        elif size := self._open(Cipher.open_rtp, data, source, now):
            self._on_rtp(data[:size], source, now)

    def _take_rtcp(self, data: bytearray | memoryview, source: Address, now: float) -> None:
        if self._opener is None:
            self._on_rtcp(data, source, now)
        elif len(data) <= RTCP_BYTES and (size := self._open(Cipher.open_rtcp, data, source, now)):
            self._on_rtcp(data[:size], source, now)

    def _open(
        self,
        unprotect: Callable[[Cipher, bytearray | memoryview], int],
        data: bytearray | memoryview,
        source: Address,
        now: float,
    ) -> int:
        """Decrypt a packet where it lies. Returns: its length; 0 where it is to be dropped."""
        opener = self._opener
        assert opener is not None
        if self._search is not None or self._former is not None:
            size = self._open_by_any(unprotect, data, now)
        else:
            size = unprotect(opener, data)
        if size:
            self._opened += 1
        elif not self._opened and not self.late.may_be(source, now):
            self._failed += 1
            if self._failed == DOUBTED:
                self._on_doubt(source)
        return size

    def _open_by_any(
        self,
        unprotect: Callable[[Cipher, bytearray | memoryview], int],
        data: bytearray | memoryview,
        now: float,
    ) -> int:
        """The same where the peer has changed its key, or its stream was begun in another worker."""
        opener = self._opener
        assert opener is not None
        if self._former is not None and now > self._former[1]:
            self._former = None
        as_it_came = bytes(data)  # AES-GCM decrypts before it knows whether that was right
        before = opener.counts.unauthentic
        size = unprotect(opener, data)
        if not size and self._former is not None:
            data[:] = as_it_came
            size = unprotect(self._former[0], data)
        if not size and self._search is not None and unprotect is Cipher.open_rtp:
            size = self._search.open(as_it_came, data)
        if size:
            opener.counts.unauthentic = before
        return size

    # ---- what goes ----

    def seal_rtp(self, packet: bytes) -> memoryview | None:
        """Encrypt a packet, once; see `ends.Seal`. It goes by `send_sealed` then."""
        sealer = self._sealer
        return sealer.seal_rtp(packet) if sealer is not None else None

    def send_rtp(self, data: bytes | bytearray | memoryview, to: Address) -> bool:
        if self._keys is None:
            return self.beneath.send_rtp(data, to)
        sealed = self._sealer.seal_rtp(memoryview(data)) if self._sealer is not None else None
        return sealed is not None and self.beneath.send_rtp(sealed, to)

    def send_rtcp(self, data: bytes | bytearray | memoryview, to: Address) -> bool:
        if self._keys is None:
            return self.beneath.send_rtcp(data, to)
        sealed = self._sealer.seal_rtcp(memoryview(data)) if self._sealer is not None else None
        return sealed is not None and self.beneath.send_rtcp(sealed, to)

    # ---- the pair's own ----

    @property
    def missed(self) -> int:
        return self.beneath.missed

    def carry(self, way: Rider | None, on_opened: OpenedHandler | None = None) -> None:
        """Let RTP take this short way, which knows no keys; see `Line.carry`."""
        self.beneath.carry(way, on_opened)  # type: ignore[attr-defined]

    def settle(self, peer: Address) -> None:
        self.beneath.settle(peer)

    def close(self, late: Collection[Address] | None = None) -> None:
        if self.unbelieved:
            counts = {"unbelieved": self.unbelieved, "replayed": self.replayed}
            log.info("encrypted packets were not believed", port=self.rtp_port, **counts)
        self.beneath.close(late)
        self._on_rtp = self._on_rtcp = _nothing
        self._on_doubt = _nothing


def _cipher(suite: Suite, *, incoming: bytes = b"", outgoing: bytes = b"") -> Cipher:
    """A cipher of one direction; the other one gets a key that nobody knows."""
    unknown = token_bytes(suite.key_bytes)
    return Cipher(_PROFILES[suite], incoming or unknown, outgoing or unknown)


def _nothing(*packet: object) -> None:
    """Nobody listens any more."""
