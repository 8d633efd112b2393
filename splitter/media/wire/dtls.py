"""DTLS of one participant (RFC 5763, RFC 5764), by aiortc; the worker's certificate. Sends through what it is given.

aiortc does the handshake and what follows it (the peer's close). SRTP does not pass through here.
"""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from aiortc.rtcdtlstransport import (
    SRTP_AEAD_AES_128_GCM,
    SRTP_AEAD_AES_256_GCM,
    SRTP_AES128_CM_SHA1_80,
    SRTP_PROFILES,
    X509_DIGEST_ALGORITHMS,
    RTCCertificate,
    RTCDtlsFingerprint,
    RTCDtlsParameters,
    RTCDtlsTransport,
    SRTPProtectionProfile,
    State,
    certificate_digest,
)
from aiortc.rtcicetransport import RTCIceTransport
from OpenSSL import SSL

_PROFILES = [
    profile
    for profile in (SRTP_AEAD_AES_128_GCM, SRTP_AEAD_AES_256_GCM, SRTP_AES128_CM_SHA1_80)
    if profile in SRTP_PROFILES
]
"""AES-GCM first: with it a packet costs half of what AES-CM and HMAC cost. 128 bits are what the handshake has."""

_FLIGHT_LIMIT = 1 << 16  # bytes
_QUEUE_LIMIT = 32  # datagrams of a handshake that wait; a flight has less than ten
_RENEW_BEFORE = datetime.timedelta(days=5)

DATAGRAM_BYTES = 1200
"""The largest datagram of a handshake: what every path to a browser carries. OpenSSL, which cannot ask a memory for its
MTU, would cut all messages at 256 bytes (RFC 6347 §4.1.1), and there are peers that do not put fragments together."""

_RECORD_HEADER = 13  # bytes; the length of the record stands in the last two (RFC 6347 §4.1)


class _Certificate(RTCCertificate):
    """A certificate whose associations keep to the MTU that they are told."""

    def _create_ssl_context(self, srtp_profiles: list[SRTPProtectionProfile]) -> SSL.Context:
        context = super()._create_ssl_context(srtp_profiles)
        context.set_options(SSL.OP_NO_QUERY_MTU)
        return context


_certificates: list[RTCCertificate] = []


def certificate() -> RTCCertificate:
    """The certificate of this process; made at the first call, and anew before it expires."""
    if not _certificates or _certificates[-1].expires - datetime.datetime.now(datetime.UTC) < _RENEW_BEFORE:
        _certificates[:] = [_Certificate.generateCertificate()]
    return _certificates[0]


def datagrams(records: bytes, limit: int = DATAGRAM_BYTES) -> Iterator[bytes]:
    """DTLS records one behind the other as datagrams: whole records, as many as fit (RFC 6347 §4.1.1)."""
    begin = at = 0
    while at + _RECORD_HEADER <= len(records):
        end = at + _RECORD_HEADER + int.from_bytes(records[at + 11 : at + 13])
        if end - begin > limit and at > begin:
            yield records[begin:at]
            begin = at
        at = end
    if begin < len(records):
        yield records[begin:]


class HandshakeFailed(Exception):
    """There is no DTLS association; says why in plain words."""


@dataclass(frozen=True, slots=True)
class Keys:
    """What a handshake is for.

    Attributes:
        name: of the SRTP protection profile (RFC 5764 §4.1.2, RFC 7714 §14.2). profile: libsrtp's number of it.
        incoming, outgoing: master key and salt of each direction.
    """

    name: str
    profile: int
    incoming: bytes
    outgoing: bytes


class _Datagrams:
    """The part of RTCIceTransport that RTCDtlsTransport uses."""

    role = "controlled"

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self.incoming: asyncio.Queue[bytes] = asyncio.Queue(_QUEUE_LIMIT)
        self.send = send

    async def _recv(self) -> bytes:
        return await self.incoming.get()

    async def _send(self, data: bytes) -> None:
        self.send(data)


class Handshake(RTCDtlsTransport):
    """One association, from the handshake to its end.

    Args:
        own: our certificate.
        send: sends one datagram to the peer.
        on_closed: called when the peer ended the association.

    Attributes:
        dropped: datagrams that did not fit into the queue.
    """

    def __init__(self, own: RTCCertificate, send: Callable[[bytes], None], on_closed: Callable[[], None]) -> None:
        self._datagrams = _Datagrams(send)
        super().__init__(cast(RTCIceTransport, self._datagrams), [own])
        self._srtp_profiles = _PROFILES
        self._on_closed = on_closed
        self._reason = ""
        self._keys: Keys | None = None
        self.dropped = 0

    def receive(self, data: bytes) -> None:
        """Take a datagram of the peer."""
        try:
            self._datagrams.incoming.put_nowait(data)
        except asyncio.QueueFull:
            self.dropped += 1

    async def shake(self, fingerprints: tuple[str, ...], client: bool) -> Keys:
        """Do the handshake. Raises HandshakeFailed."""
        self._set_role("client" if client else "server")
        wanted = [RTCDtlsFingerprint(*value.split(None, 1)) for value in fingerprints if len(value.split(None, 1)) == 2]
        if not wanted:
            raise HandshakeFailed("the peer's description has no fingerprint")
        await self.start(RTCDtlsParameters(fingerprints=wanted))
        if self._state is not State.CONNECTED or self._keys is None:
            raise HandshakeFailed(self._reason or "the handshake failed")
        return self._keys

    def close(self) -> None:
        """Say that we end it (close_notify), and end it."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._ssl is not None and self._state is State.CONNECTED:
            self._set_state(State.CLOSED)
            try:
                self._ssl.shutdown()
                self._datagrams.send(self._ssl.bio_read(1500))
            except SSL.Error:
                pass  # nothing to say, or nobody to say it to

    # ---- what aiortc calls -----------------------------------------------------------------------------------------

    async def _do_handshake(self) -> None:
        assert self._ssl is not None
        self._ssl.set_ciphertext_mtu(DATAGRAM_BYTES)
        await super()._do_handshake()

    async def _write_ssl(self) -> None:
        """Send what OpenSSL has written: a flight may need several datagrams."""
        assert self._ssl is not None
        try:
            records = self._ssl.bio_read(_FLIGHT_LIMIT)
        except SSL.Error:
            return  # nothing is there
        for datagram in datagrams(records):
            self._datagrams.send(datagram)

    def _validate_peer_identity(self, remoteParameters: RTCDtlsParameters) -> None:
        """One fingerprint that fits is enough: a peer may name several certificates (RFC 8122 §5)."""
        peer = self._ssl.get_peer_certificate(as_cryptography=True) if self._ssl else None
        for wanted in remoteParameters.fingerprints:
            algorithm = wanted.algorithm.lower()
            known = algorithm in X509_DIGEST_ALGORITHMS
            if peer is not None and known and wanted.value.strip().upper() == certificate_digest(peer, algorithm):
                return
        self._fail("the peer's certificate is not the one that its description names (fingerprint)")

    def _setup_srtp(self) -> None:
        """Derive the keys (RFC 5764 §4.2): the client's first, then the server's, then the salts likewise."""
        selected = self._ssl.get_selected_srtp_profile() if self._ssl else b""
        for profile in _PROFILES:
            if profile.openssl_profile == selected:
                break
        else:
            self._fail("the peer has no SRTP protection profile in common with us")
            return
        assert self._ssl is not None
        length = 2 * (profile.key_length + profile.salt_length)
        material = self._ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", length)
        ours = 0 if self._role == "client" else 1
        self._keys = Keys(
            selected.decode(),
            profile.libsrtp_profile,
            incoming=profile.get_key_and_salt(material, 1 - ours),
            outgoing=profile.get_key_and_salt(material, ours),
        )

    def _fail(self, reason: str) -> None:
        self._reason = reason
        self._set_state(State.FAILED)

    def _set_state(self, state: State) -> None:
        before = self._state
        super()._set_state(state)
        if state is State.CLOSED and before is State.CONNECTED and self._task is not None:
            self._on_closed()
