"""What the operator sets about trunks, routes and calls. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from splitter.core.net import Address
from splitter.sip.digest import ALGORITHMS
from splitter.transport.targets import HostName


class Role(StrEnum):
    """What stands at the other end of a trunk."""

    ACCESS = "access"  # the operator's SBC: callers come from here
    CENTRE = "centre"  # the voice call centre: audio goes there
    SEAT = "seat"  # SIP video clients of agents


@dataclass(frozen=True, slots=True)
class Peer:
    """A source that is believed to be the trunk's. `port` None means any port."""

    network: IPv4Network | IPv6Network
    port: int | None = None


class MediaSources(StrEnum):
    """From where a trunk's media are taken, besides the address that its SDP names."""

    SIGNALLED = "signalled"  # from nowhere else
    PEERS = "peers"  # from the trunk's own peers
    ANY = "any"  # from anywhere


_ANYWHERE = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True, slots=True)
class Trunk:
    """A neighbour.

    Attributes:
        name: as in the configuration.
        role: see Role.
        network: the name of our network that faces it.
        peers: sources accepted as this trunk; anything else gets silence.
        address: where requests to it go (required for a centre); port 0 is never stored, 5060 is the default. A name
            leads to one or more servers by its DNS records.
        transport: "udp", "tcp" or "tls", for requests to it; "auto" lets the records of a name say it.
        trusted: inside the trust domain: identity headers pass (RFC 3325).
        call_id_headers: how the call id is told to a centre: any of "user-to-user" and "x-splitter-call".
        answer_limit_s: without any response from it for this long, the next route is tried.
        ring_limit_s: ringing longer than this ends the attempt.
        reliable_provisional: send 18x with SDP reliably to a peer that supports it (RFC 3262); one that requires
            it always gets it.
        delayed_offer: send it INVITEs without an offer: it offers in its 200 (some centres insist on that).
        options_interval_s: it is asked by OPTIONS so often whether it is alive; 0 never asks.
        max_calls: the most at a time, from it and to it; 0 for no limit of its own.
        calls_per_s: new calls per second, from it and to it; 0 for no limit.
        authenticate: seats must prove who they are (Digest), for each INVITE and REGISTER.
        algorithms: what they are asked for, the preferred one first (RFC 8760); MD5 for who knows nothing better.
        realm: what we ask seats for, the gateway's name if empty; of a centre the only one that gets our password,
            any if empty.
        register: keep us registered at the centre.
        register_expires_s: how long a registration is asked for.
        username, password: who we are to a centre that asks, at REGISTER and in calls.
        domain: of our address at the centre (From and To of REGISTER); its address if empty.
        tls_name: whom its certificate must be for (RFC 5922); the host of `address` if empty.
        bind_from: headers of a centre that name the agent whom it gave a call to; see `binding`. Whatever `trusted`
            says of callers' identities, it is believed about its own agents.
        extension_pattern: what an agent's extension looks like; None: one that an account or a desk has, or 2 to 6
            digits.
        media_sources: whose media are taken; what its SDP names is preferred, and all else is learned briefly.
        bannable: its peers may be banned when they misbehave: clients on the internet, not neighbours.
    """

    name: str
    role: Role
    network: str
    peers: tuple[Peer, ...]
    address: Address | HostName | None = None
    transport: str = "udp"
    trusted: bool = False
    call_id_headers: tuple[str, ...] = ("x-splitter-call",)
    answer_limit_s: float = 4.0
    ring_limit_s: float = 180.0
    reliable_provisional: bool = True
    delayed_offer: bool = False
    options_interval_s: float = 10.0
    max_calls: int = 0
    calls_per_s: float = 0.0
    authenticate: bool = False
    algorithms: tuple[str, ...] = ALGORITHMS
    realm: str = ""
    register: bool = False
    register_expires_s: int = 3600
    username: str = ""
    password: str = field(default="", repr=False)
    domain: str = ""
    tls_name: str = ""
    bind_from: tuple[str, ...] = ("p-asserted-identity", "remote-party-id")
    extension_pattern: re.Pattern[str] | None = None
    bannable: bool = False
    media_sources: MediaSources = MediaSources.SIGNALLED

    @property
    def sources(self) -> tuple[str, ...]:
        """Networks from whose hosts media are taken besides the address that SDP names."""
        match self.media_sources:
            case MediaSources.ANY:
                return _ANYWHERE
            case MediaSources.PEERS:
                return tuple(str(peer.network) for peer in self.peers)
            case MediaSources.SIGNALLED:
                return ()


class Choice(StrEnum):
    """Which of a route's trunks that are up is tried first."""

    ORDER = "order"  # as they are written
    WEIGHTED = "weighted"  # drawn, the quicker ones more often


@dataclass(frozen=True, slots=True)
class Route:
    """Called numbers that match `called` (whole user part) go to the trunks, one after the other, until one takes them.

    `number` is what the centre sees as called number; `\\1` style groups of `called` may be used; empty keeps it.
    """

    called: re.Pattern[str]
    trunks: tuple[str, ...]
    number: str = ""
    choice: Choice = Choice.ORDER


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """How a trunk's servers are watched, and what that means for the choice among trunks.

    Attributes:
        answer_limit_s: an OPTIONS without a final response for so long has failed.
        failures_down: so many failures in a row, and the server is down.
        successes_up: so many answers in a row, and it is up again.
        jitter_factor: a weighted choice gives a trunk the weight 1 / (latency + jitter_factor * jitter).
    """

    answer_limit_s: float = 2.0
    failures_down: int = 3
    successes_up: int = 2
    jitter_factor: float = 0.1


@dataclass(frozen=True, slots=True)
class OverloadSettings:
    """When load costs new calls their video, and when it turns them away.

    Attributes:
        video_lag_s: the event loop is late by so much: new calls get no video.
        refuse_lag_s: and by so much: they get 503. Past T1 (0.5 s) peers repeat themselves, which adds to the load.
        video_cpu, refuse_cpu: the same for the share of one core that the loop uses; 1 is all of it.
        recover_s: below half of a lag and four fifths of a share for so long takes one step back.
        retry_after_s: what Retry-After says, and up to as much again by chance: not all come back at once.
    """

    video_lag_s: float = 0.1
    refuse_lag_s: float = 0.3
    video_cpu: float = 0.9
    refuse_cpu: float = 0.97
    recover_s: float = 3.0
    retry_after_s: int = 5


@dataclass(frozen=True, slots=True)
class CallSettings:
    """Bounds on calls.

    Attributes:
        name: what Server, User-Agent and the SDP session name say.
        max_calls: past this an INVITE gets 503 with Retry-After.
        drain_limit_s: at SIGTERM, how long live calls may go on before they are hung up.
        consult_limit_s: how long one side may take to answer a re-INVITE that was relayed to it.
        leave_on_transfer: when the centre passes a call on to another agent, the former one's video ends.
        rejoin_window_s: how long a WebRTC client whose transport is gone may take to come back.
        consent_limit_s: how long a caller may think about whether to show video.
        bitrate_kbps: what b=AS of our video lines asks for.
        session_expires_s: the session interval that we ask for on each leg (RFC 4028); 0 asks for none.
        min_session_expires_s: the shortest that we grant; 90 or more.
        end_on_missed_refresh: end a call whose peer did not refresh in time even while its voice flows.
    """

    name: str = "splitter"
    max_calls: int = 2000
    drain_limit_s: float = 5.0
    consult_limit_s: float = 20.0
    leave_on_transfer: bool = True
    rejoin_window_s: float = 60.0
    consent_limit_s: float = 45.0
    bitrate_kbps: int = 960
    session_expires_s: int = 1800
    min_session_expires_s: int = 90
    end_on_missed_refresh: bool = False
