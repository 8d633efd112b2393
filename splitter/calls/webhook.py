"""Where other programs (CTI, CRM, SMS) are told what happens: what the operator sets. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

EVENTS = ("call", "notice", "seat", "snapshot", "invitation")


@dataclass(frozen=True, slots=True)
class Webhook:
    """One receiver.

    Attributes:
        name: for the log and the metrics.
        url: that events are posted to.
        secret: that they are signed with.
        events: which ones it gets, of EVENTS; "call" is every change of a call.
        timeout_s: an answer later than this is none.
        attempts: so often one event is tried, with pauses that double up to five minutes.
        queue: so many wait at most; then the oldest give way.
        ca: PEM file of the authorities of its certificate; empty for the system's.
        insecure: plain HTTP to it, where others can hear it.
    """

    name: str
    url: str
    secret: str = field(repr=False)
    events: tuple[str, ...] = ("call", "invitation")
    timeout_s: float = 5.0
    attempts: int = 12
    queue: int = 5000
    ca: str = ""
    insecure: bool = False
