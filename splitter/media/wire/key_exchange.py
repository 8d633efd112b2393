"""The DTLS of one wire: its handshake with the timers that it needs, and what became of it. Sends through its user."""

from __future__ import annotations

from typing import Protocol

from splitter.media.wire.dtls import DtlsState, Handshake, certificate
from splitter.media.wire.host import Host, Timer
from splitter.sdp.webrtc import SecureRemote


class KeyExchangeUser(Protocol):
    """Owner of a key exchange."""

    def send_dtls(self, datagram: bytes) -> None:
        """Send it on the path that there is."""
        ...

    def on_dtls_changed(self) -> None:
        """Look whether there are keys now, or a fault."""
        ...


class _Nobody:
    """An owner that hears nothing, once a key exchange is closed."""

    def send_dtls(self, datagram: bytes) -> None:
        pass

    def on_dtls_changed(self) -> None:
        pass


_NOBODY = _Nobody()


class KeyExchange:
    """The DTLS of one wire.

    Args:
        limit_s: so long has the peer for its handshake.

    Attributes:
        handshake: what is said.
        fault: why there are no keys, or none any more; empty as long as all is well.
    """

    __slots__ = ("_limit_s", "_loop", "_own", "_patience", "_resending", "_user", "fault", "handshake")

    def __init__(self, user: KeyExchangeUser, loop: Host, limit_s: float) -> None:
        self._user: KeyExchangeUser = user
        self._loop = loop
        self._limit_s = limit_s
        self._own = certificate()
        self._resending: Timer | None = None  # of the last flight
        self._patience: Timer | None = None
        self.handshake = Handshake(self._own)
        self.fault = ""

    @property
    def fingerprint(self) -> str:
        """Our certificate's, as a=fingerprint says it."""
        own = next(one for one in self._own.getFingerprints() if one.algorithm == "sha-256")
        return f"sha-256 {own.value}"

    @property
    def begun(self) -> bool:
        """True once there was a path to begin on."""
        return self.handshake.state is not DtlsState.NEW

    def start(self, remote: SecureRemote) -> None:
        """Get the keys, now that there is a first path."""
        self._patience = self._loop.call_later(self._limit_s, self._on_no_answer)
        self.handshake.start(remote.fingerprints, remote.setup == "passive", self._loop.now())
        self._advance()

    def receive(self, data: bytes, now: float) -> None:
        """Take a datagram of the peer."""
        self.handshake.receive(data, now)
        self._advance()

    def flush(self) -> None:
        """Send what is to be said."""
        for datagram in self.handshake.poll():
            self._user.send_dtls(datagram)

    def close(self) -> None:
        """Say goodbye; again is no error."""
        self.handshake.close()
        self.flush()
        for timer in (self._resending, self._patience):
            if timer is not None:
                timer.cancel()
        self._resending = self._patience = None
        self._user = _NOBODY  # nor is anybody held

    def _advance(self) -> None:
        """Send what DTLS has to say, arm its timer, and see where it stands."""
        self.flush()
        if self._resending is not None:
            self._resending.cancel()
            self._resending = None
        due = self.handshake.next_timeout()
        if due is not None:
            self._resending = self._loop.call_later(max(0.0, due - self._loop.now()), self._on_due)
        if self.handshake.state is DtlsState.FAILED:
            self.fault = f"DTLS: {self.handshake.reason}"
        elif self.handshake.state is DtlsState.CLOSED:
            self.fault = "the browser ended the connection"
        self._user.on_dtls_changed()

    def _on_due(self) -> None:
        self._resending = None
        self.handshake.on_timeout(self._loop.now())
        self._advance()

    def _on_no_answer(self) -> None:
        if self.handshake.state is DtlsState.SHAKING:
            self.fault = f"DTLS: no answer from the browser within {self._limit_s:g} s"
            self._user.on_dtls_changed()
