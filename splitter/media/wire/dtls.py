"""DTLS of one wire (RFC 5763, RFC 5764) by OpenSSL, from handshake to close. No I/O: time is an argument.

    start(now), receive(data, now), on_timeout(now)   in; after each of them:
    poll() what to send, `state`, `keys`, next_timeout()   out

The timer of a handshake is ours, because OpenSSL reads the machine's clock: a flight is sent again as it is until the
peer's next one comes, or until the peer asks for it by sending its own again (RFC 6347 §4.2.4). What is doubled so is
dropped by the peer's replay window. SRTP does not pass through here.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from aiortc.rtcdtlstransport import (
    SRTP_AEAD_AES_128_GCM,
    SRTP_AEAD_AES_256_GCM,
    SRTP_AES128_CM_SHA1_80,
    SRTP_PROFILES,
    X509_DIGEST_ALGORITHMS,
    RTCCertificate,
    SRTPProtectionProfile,
    certificate_digest,
)
from OpenSSL import SSL

_PROFILES = [
    profile
    for profile in (SRTP_AEAD_AES_128_GCM, SRTP_AEAD_AES_256_GCM, SRTP_AES128_CM_SHA1_80)
    if profile in SRTP_PROFILES
]
"""AES-GCM first: with it a packet costs half of what AES-CM and HMAC cost. 128 bits are what the handshake has."""

_FLIGHT_LIMIT = 1 << 16  # bytes
_EARLY_LIMIT = 32  # datagrams that come before we begin; a flight has less than ten
_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.5, 4.0  # before a flight is sent again; doubled each time
_ANSWER_GAP_S = 0.2  # between two times that the last flight is sent again because the peer sends its own again
_HANDSHAKE_TYPES = (20, 22)  # of records: change_cipher_spec and handshake
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


class DtlsState(StrEnum):
    """State of an association."""

    NEW = "new"
    SHAKING = "shaking"
    CONNECTED = "connected"
    CLOSED = "closed"
    FAILED = "failed"


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


class Handshake:
    """One association, from the handshake to its end.

    Args:
        own: our certificate.

    Attributes:
        state: where it stands. reason: why it failed, in plain words.
        keys: of SRTP; None before it is connected.
        dropped: datagrams that came too early, and too many.
    """

    def __init__(self, own: RTCCertificate) -> None:
        self._own = own
        self._ssl: SSL.Connection | None = None
        self._fingerprints: tuple[str, ...] = ()
        self._client = False
        self._early: list[bytes] = []
        self._outgoing: list[bytes] = []
        self._flight: list[bytes] = []  # what was sent last
        self._pause_s = _FIRST_PAUSE_S
        self._resend_at: float | None = None
        self._answered_at = float("-inf")
        self.state = DtlsState.NEW
        self.reason = ""
        self.keys: Keys | None = None
        self.dropped = 0

    def start(self, fingerprints: tuple[str, ...], client: bool, now: float) -> None:
        """Begin, or answer what has come already.

        Args:
            fingerprints: of the peer's certificates, as a=fingerprint says them.
            client: whether we begin (a=setup:active).
        """
        self._fingerprints = tuple(one for one in fingerprints if len(one.split(None, 1)) == 2)
        if not self._fingerprints:
            self._fail("the peer's description has no fingerprint")
            return
        self._client = client
        self.state = DtlsState.SHAKING
        ssl = self._ssl = SSL.Connection(self._own._create_ssl_context(_PROFILES))
        (ssl.set_connect_state if client else ssl.set_accept_state)()
        ssl.set_ciphertext_mtu(DATAGRAM_BYTES)
        self._shake(now)
        early, self._early = self._early, []
        for data in early:
            self.receive(data, now)

    def receive(self, data: bytes, now: float) -> None:
        """Take a datagram of the peer."""
        if self.state is DtlsState.NEW:
            if len(self._early) < _EARLY_LIMIT:
                self._early.append(data)
            else:
                self.dropped += 1
        elif self._ssl is not None and self.state is DtlsState.SHAKING:
            self._ssl.bio_write(data)
            self._shake(now)
        elif self._ssl is not None and self.state is DtlsState.CONNECTED:
            self._ssl.bio_write(data)
            self._listen(data, now)

    def poll(self) -> list[bytes]:
        """Datagrams to send now."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def next_timeout(self) -> float | None:
        """When to call `on_timeout`; None for never."""
        return self._resend_at

    def on_timeout(self, now: float) -> None:
        """Send the last flight again, if the peer's next one has not come."""
        if self._resend_at is None or now < self._resend_at:
            return
        self._outgoing += self._flight
        self._pause_s = min(2 * self._pause_s, _LAST_PAUSE_S)
        self._resend_at = now + self._pause_s

    def close(self) -> None:
        """Say that we end it (close_notify), and end it."""
        self._resend_at = None
        if self._ssl is not None and self.state is DtlsState.CONNECTED:
            try:
                self._ssl.shutdown()
                self._outgoing += datagrams(self._ssl.bio_read(_FLIGHT_LIMIT))
            except SSL.Error:
                pass  # nothing to say
        if self.state is not DtlsState.FAILED:
            self.state = DtlsState.CLOSED
        self._ssl = None

    # ---- OpenSSL ----------------------------------------------------------------------------------------------------

    def _shake(self, now: float) -> None:
        ssl = self._ssl
        assert ssl is not None
        try:
            ssl.do_handshake()
            done = True
        except SSL.WantReadError:
            done = False
        except SSL.Error:
            self._collect(now)  # the alert
            self._fail("the handshake failed")
            return
        self._collect(now)
        if done:
            self._resend_at = None
            self._finish(ssl)

    def _collect(self, now: float) -> bool:
        """Take what OpenSSL has written; returns whether there was any. It is the next flight, or a part of it."""
        assert self._ssl is not None
        try:
            records = self._ssl.bio_read(_FLIGHT_LIMIT)
        except SSL.Error:
            return False  # nothing is there
        self._flight = list(datagrams(records))
        self._outgoing += self._flight
        self._pause_s = _FIRST_PAUSE_S
        self._resend_at = now + self._pause_s if self.state is DtlsState.SHAKING else None
        return True

    def _listen(self, data: bytes, now: float) -> None:
        """A datagram of an association that stands: the peer's close, or a flight that it sends again."""
        assert self._ssl is not None
        try:
            self._ssl.recv(_FLIGHT_LIMIT)
        except SSL.WantReadError:
            pass
        except SSL.Error:
            self._resend_at, self.state = None, DtlsState.CLOSED
            return
        if not self._collect(now) and data[0] in _HANDSHAKE_TYPES and now - self._answered_at >= _ANSWER_GAP_S:
            self._answered_at = now  # our last flight was lost
            self._outgoing += self._flight

    def _finish(self, ssl: SSL.Connection) -> None:
        """The handshake is done: see who the peer is, and derive the keys."""
        if not self._known(ssl):
            self._fail("the peer's certificate is not the one that its description names (fingerprint)")
            return
        selected = ssl.get_selected_srtp_profile()
        profile = next((one for one in _PROFILES if one.openssl_profile == selected), None)
        if profile is None:
            self._fail("the peer has no SRTP protection profile in common with us")
            return
        # RFC 5764 §4.2: the client's key first, then the server's, then the salts likewise.
        length = 2 * (profile.key_length + profile.salt_length)
        material = ssl.export_keying_material(b"EXTRACTOR-dtls_srtp", length)
        ours = 0 if self._client else 1
        self.keys = Keys(
            selected.decode(),
            profile.libsrtp_profile,
            incoming=profile.get_key_and_salt(material, 1 - ours),
            outgoing=profile.get_key_and_salt(material, ours),
        )
        self.state = DtlsState.CONNECTED

    def _known(self, ssl: SSL.Connection) -> bool:
        """Whether a fingerprint fits. One is enough: a peer may name several certificates (RFC 8122 §5)."""
        peer = ssl.get_peer_certificate(as_cryptography=True)
        for wanted in self._fingerprints:
            algorithm, value = wanted.split(None, 1)
            algorithm = algorithm.lower()
            if peer is None or algorithm not in X509_DIGEST_ALGORITHMS:
                continue
            if value.strip().upper() == certificate_digest(peer, algorithm):
                return True
        return False

    def _fail(self, reason: str) -> None:
        self.reason, self.state = reason, DtlsState.FAILED
        self._resend_at = None
