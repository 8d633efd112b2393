"""How patient a wire to a browser is. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SecureTimes:
    """Seconds.

    Attributes:
        path_limit_s: for ICE to find its first path.
        connect_limit_s: for ICE to find another one, and for DTLS.
        quiet_s: so long without any sign of the peer is an interruption; it answers our checks every five seconds.
        consent_s: so long after the peer's last consent nothing is sent any more (RFC 7675 §5.1).
        patience_s: so long an interruption may last.
        linger_s: how long the path before an ICE restart is still listened to.
    """

    path_limit_s: float = 30.0
    connect_limit_s: float = 30.0
    quiet_s: float = 6.5
    consent_s: float = 30.0
    patience_s: float = 120.0
    linger_s: float = 3.0
