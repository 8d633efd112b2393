"""SRTP and SRTCP of one participant (RFC 3711, RFC 7714), in place. No I/O.

libsrtp works on the bytes where they lie: what comes is decrypted in the worker's receive buffer, what goes out in one
buffer here. pylibsrtp's own Session would copy each packet three times and make four objects of it.
"""

from __future__ import annotations

import struct
from typing import Any

from pylibsrtp import Policy
from pylibsrtp._binding import ffi, lib

from splitter.media.fast.plain import PlainForm
from splitter.media.fast.way import Form

PACKET_LIMIT = 2048
"""Bytes of a packet that is sent; larger ones would not reach a browser anyway."""

SSRC_LIMIT = 64
"""SSRCs that a peer may use on one association: libsrtp keeps a state for each as long as it lasts."""

_TRAILER_LIMIT = 148  # tag, index and master key identifier (srtp.h)
_REPLAYED = (9, 10)  # srtp_err_status_replay_fail, srtp_err_status_replay_old
_SSRC = struct.Struct("!I")
_WINDOW = 1024  # packets, both ways: what is sent again after a NACK comes late. libsrtp shifts so many bits for each


class Cipher:
    """Both directions of one participant.

    An SSRC and an index are sealed once. AES-GCM and AES-CM make the same key stream of them again, which would uncover
    two packets that differ (RFC 3711 §9.1, RFC 7714 §9.1); so libsrtp keeps account of what it has sealed and refuses.
    What is sent again, after a NACK, are the sealed bytes themselves.

    Args:
        profile: pylibsrtp's number of the protection profile.
        incoming, outgoing: master key and salt of each direction.
        form: of the short way.

    Attributes:
        counts: what it counts; packets that take the short way are counted there as well.
    """

    __slots__ = (
        "_incoming",
        "_out",
        "_out_data",
        "_outgoing",
        "_receive_rtcp",
        "_receive_rtp",
        "_send_rtcp",
        "_send_rtp",
        "_size",
        "_ssrcs",
        "counts",
    )

    def __init__(self, profile: int, incoming: bytes, outgoing: bytes, form: Form | None = None) -> None:
        receive = _policy(profile, incoming, Policy.SSRC_ANY_INBOUND, _WINDOW)
        send = _policy(profile, outgoing, Policy.SSRC_ANY_OUTBOUND, _WINDOW)
        self._incoming, self._outgoing = _session(receive), _session(send)
        self._receive_rtp, self._receive_rtcp = lib.srtp_unprotect, lib.srtp_unprotect_rtcp
        self._send_rtp, self._send_rtcp = lib.srtp_protect, lib.srtp_protect_rtcp
        self._size = ffi.new("int *")
        buffer = bytearray(PACKET_LIMIT + _TRAILER_LIMIT)
        self._out = memoryview(buffer)
        self._out_data = ffi.from_buffer(buffer)
        self._ssrcs: set[int] = set()
        sessions = (int(ffi.cast("uintptr_t", one[0])) for one in (self._incoming, self._outgoing))
        self.counts = (form or PlainForm()).cipher(*sessions)

    def open_rtp(self, data: bytearray | memoryview) -> int:
        """Decrypt an SRTP packet where it lies. Returns: its length; 0 where it is to be dropped."""
        return self._open(self._receive_rtp, data, 8)

    def open_rtcp(self, data: bytearray | memoryview) -> int:
        """Decrypt an SRTCP packet where it lies. Returns: its length; 0 where it is to be dropped."""
        return self._open(self._receive_rtcp, data, 4)

    def _open(self, unprotect: Any, data: bytearray | memoryview, ssrc_at: int) -> int:
        if len(data) < 12:
            self.counts.unauthentic += 1
            return 0
        (ssrc,) = _SSRC.unpack_from(data, ssrc_at)
        known = ssrc in self._ssrcs
        if not known and len(self._ssrcs) >= SSRC_LIMIT:
            self.counts.unauthentic += 1
            return 0
        size = self._size
        size[0] = len(data)
        status = unprotect(self._incoming[0], ffi.from_buffer(data), size)
        if status:
            if status in _REPLAYED:
                self.counts.replayed += 1
            else:
                self.counts.unauthentic += 1
            return 0
        if not known:
            self._ssrcs.add(ssrc)
        return int(size[0])

    def seal_rtp(self, packet: bytes | memoryview) -> memoryview | None:
        """Encrypt an RTP packet, whose number was not used before.

        Returns: valid until the next call; None where it could not be done.
        """
        return self._seal(self._send_rtp, packet)

    def seal_rtcp(self, packet: bytes | memoryview) -> memoryview | None:
        """Encrypt an RTCP packet. Returns: valid until the next call; None where it could not be done."""
        return self._seal(self._send_rtcp, packet)

    def _seal(self, protect: Any, packet: bytes | memoryview) -> memoryview | None:
        length = len(packet)
        if length > PACKET_LIMIT:
            self.counts.unprotected += 1
            return None
        self._out[:length] = packet
        size = self._size
        size[0] = length
        status = protect(self._outgoing[0], self._out_data, size)
        if status:
            if status in _REPLAYED:
                self.counts.reused += 1
            else:
                self.counts.unprotected += 1
            return None
        return self._out[: size[0]]


def _policy(profile: int, key: bytes, ssrcs: int, window: int) -> Policy:
    policy = Policy(key=key, ssrc_type=ssrcs, srtp_profile=profile)
    policy.window_size = window
    policy.allow_repeat_tx = False
    return policy


def _session(policy: Policy) -> Any:
    """A libsrtp session that is freed along with the object returned."""
    session = ffi.new("srtp_t *")
    status = lib.srtp_create(session, policy._policy)
    if status:
        raise ValueError(f"libsrtp refuses a session: error {status}")
    return ffi.gc(session, lambda held: lib.srtp_dealloc(held[0]))
