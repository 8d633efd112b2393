"""Asks of who comes into the room, and as what: a place, its transport, whom it watches. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.sdp.model import Session
from splitter.sdp.video import Limits as Limits


@dataclass(frozen=True, slots=True)
class Holder:
    """The holder of the token that let a client in, for the day on which that is revoked.

    Attributes:
        name: of its login or token.
        token_id: tells the token from others, and is no secret.
        made_at: Unix seconds; None for a token of the configuration.
        login: the mark of the account that it logged in by; empty where it did not.
    """

    name: str
    token_id: str = ""
    made_at: float | None = None
    login: str = ""


@dataclass(frozen=True, slots=True)
class Desk:
    """The person or program behind a video client.

    Attributes:
        client: the client's own id; one that comes back with the same takes its old place.
        extension: of the centre; empty for those who have none.
        kind: "desk", "guest" (the caller's own browser), or "expert" (somebody else's, asked in by a link),
            or "onlooker" (a supervisor's, which sends nothing).
        title: what people call it, as far as somebody has said so.
        by: the login, for the trace.
        holder: of the token; None for a SIP seat.
    """

    client: str
    extension: str = ""
    kind: str = "desk"
    by: str = ""
    holder: Holder | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Admitted:
    """Answer to Join. `name`: of the new party, such as "seat-1"; `limits`: of what it sends."""

    name: str
    answer: Session
    limits: Limits


@dataclass(frozen=True, slots=True)
class Join:
    """A WebRTC client wants to be in the call's room, with this offer. → Admitted

    `by_rule`: it may enter every call, whosever that is. `consent`: the version of the text that its user has
    agreed to, "" for none; `at`: then, Unix seconds.
    """

    desk: Desk
    offer: Session
    network: str
    by_rule: bool = False
    consent: str = ""
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Restart:
    """A party restarts ICE (RFC 9725 §4.3.2), or tells more of its candidates.

    → SecureLocal where the credentials are new, None where only candidates were added.
    """

    party: str
    ufrag: str
    password: str
    candidates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WatchOthers:
    """A WebRTC party wants to see others in streams of their own, on the transport that it has. → Watched

    `streams`: all of them, by the mid of a line of its offer, whom it is to show.
    """

    party: str
    offer: Session
    streams: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Watched:
    """Answer to WatchOthers. `streams`: those that are open now, as they were asked for."""

    answer: Session
    streams: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Remove:
    """A party leaves, or is taken out by somebody else (`by`). → None"""

    party: str
    by: str
    reason: str = ""
