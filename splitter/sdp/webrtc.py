"""What WebRTC adds to an m-line: ICE, DTLS and the fingerprint (RFC 8839, RFC 8842, RFC 8829). Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SecureLocal:
    """Our side of a WebRTC transport.

    Attributes:
        ufrag, password: of ICE (RFC 8839 §5.4).
        fingerprint: as a=fingerprint says it: "sha-256 AB:CD:…" (RFC 8122 §5).
        candidates: values of a=candidate (RFC 8839 §5.1), host candidates of one component.
    """

    ufrag: str
    password: str
    fingerprint: str
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SecureRemote:
    """The peer's side of a WebRTC transport.

    Attributes:
        ufrag, password: of ICE; other ones than before are an ICE restart (RFC 8839 §4.4.1.1.1).
        fingerprints: values of a=fingerprint, one or more.
        setup: "active", "passive" or "actpass" (RFC 8842 §5.1); "actpass" is answered "active".
        candidates: values of a=candidate as far as they are known; more may be learned from its checks.
        lite: it does ICE lite (RFC 8839 §5.3): then we control.
    """

    ufrag: str
    password: str
    fingerprints: tuple[str, ...]
    setup: str
    candidates: tuple[str, ...] = ()
    lite: bool = False
