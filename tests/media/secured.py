"""A peer's side of SRTP, by pylibsrtp's own sessions: what it sends, and what it makes of what it gets."""

from __future__ import annotations

from pylibsrtp import Error, Policy, Session

from splitter.sdp.srtp import StreamKeys, Suite

_PROFILES = {
    Suite.AES_CM_128_HMAC_SHA1_80: Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    Suite.AES_CM_128_HMAC_SHA1_32: Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    Suite.AEAD_AES_128_GCM: Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    Suite.AEAD_AES_256_GCM: Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
}


def keys_of(suite: Suite = Suite.AES_CM_128_HMAC_SHA1_80, theirs: int = 1, ours: int = 2) -> StreamKeys:
    """Keys made of one byte each: `theirs` of what the peer sends, as a gateway has them."""
    return StreamKeys(suite, bytes([theirs]) * suite.key_bytes, bytes([ours]) * suite.key_bytes)


class SecurePeer:
    """A peer whose gateway has these keys."""

    def __init__(self, keys: StreamKeys) -> None:
        profile = _PROFILES[keys.suite]
        self._out = Session(Policy(keys.theirs, Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile))
        self._in = Session(Policy(keys.ours, Policy.SSRC_ANY_INBOUND, srtp_profile=profile))

    def seal(self, packet: bytes) -> bytes:
        return self._out.protect(packet)

    def seal_rtcp(self, packet: bytes) -> bytes:
        return self._out.protect_rtcp(packet)

    def open(self, packet: bytes) -> bytes | None:
        """What a packet says; None where it is not by these keys."""
        try:
            return self._in.unprotect(packet)
        except Error:
            return None

    def open_rtcp(self, packet: bytes) -> bytes | None:
        try:
            return self._in.unprotect_rtcp(packet)
        except Error:
            return None
