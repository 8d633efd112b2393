"""What the operator sets about trunks, routes and calls. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated

from splitter.calls.logins.accounts import parse_algorithm, parse_domain, parse_realm, parse_user
from splitter.core.keys import Key, Uptake, ValueProblem, optional, suggest
from splitter.core.net import Address
from splitter.core.values import parse_host, parse_network, parse_pattern, split_port
from splitter.sdp.srtp import Suite
from splitter.sip.digest import ALGORITHMS
from splitter.sip.session_timer import TimerSettings
from splitter.transport.targets import AUTO, HostName, parse_target

SENT_OVER = ("udp", "tcp", "tls")
"""Transports that requests can be sent over."""
CALL_ID_HEADERS = ("user-to-user", "x-splitter-call")
CALLER_HEADERS = ("user-to-user", "x-splitter-caller")
SOURCES = ("p-asserted-identity", "remote-party-id", "contact", "to", "from")
"""Headers in which a centre may name the agent of a call; see `binding`."""

_DAY_S = 86_400
_ANYWHERE = ("0.0.0.0/0", "::/0")
_TOKEN = r"[A-Za-z0-9.!%*_+`'~-]+"  # RFC 3261 §25.1


class Role(StrEnum):
    """What stands at the other end of a trunk."""

    ACCESS = "access"  # the operator's SBC: callers come from here
    CENTRE = "centre"  # the voice call centre: audio goes there
    SEAT = "seat"  # SIP video clients of agents
    WEB = "web"  # callers' browsers
    RECORDER = "recorder"  # a recorder of somebody else's: SIPREC goes there


ORIGINS = tuple(role for role in Role if role is not Role.RECORDER)
"""The roles of trunks that calls come from."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A source that is believed to be the trunk's. `port` None means any port."""

    network: IPv4Network | IPv6Network
    port: int | None = None


class MediaSources(StrEnum):
    """The sources that a trunk's media are taken from, besides the address that its SDP names."""

    SIGNALLED = "signalled"  # from nowhere else
    PEERS = "peers"  # from the trunk's own peers
    ANY = "any"  # from anywhere


class Srtp(StrEnum):
    """Whether a trunk's voice and video are encrypted, by keys in its SDP (SDES, RFC 4568)."""

    NONE = "none"
    OPTIONAL = "optional"  # where the peer wants it
    REQUIRED = "required"  # or there is no call


class Transfers(StrEnum):
    """How a centre may hand its calls on, beside re-INVITE and INVITE with Replaces, which every centre may."""

    NONE = "none"
    REFER = "refer"


def parse_peer(text: str) -> Peer:
    """A source: an address, an address with a port, or a network, "10.0.0.0/24"."""
    if "/" in text:
        return Peer(parse_network(text))
    host, port = split_port(text)
    return Peer(ip_network(parse_host(host)), port)


def _parse_call_id_header(text: str) -> str:
    if text.lower() not in CALL_ID_HEADERS:
        raise ValueProblem(f'"{text}" cannot carry the call id', suggest(text, CALL_ID_HEADERS))
    return text.lower()


def _parse_caller_header(text: str) -> str:
    if text.lower() not in CALLER_HEADERS:
        raise ValueProblem(f'"{text}" cannot tell of the caller', suggest(text, CALLER_HEADERS))
    return text.lower()


def _parse_source(text: str) -> str:
    if text.lower() not in SOURCES:
        raise ValueProblem(f'"{text}" names no agents', suggest(text.lower(), SOURCES))
    return text.lower()


def _parse_suite(text: str) -> Suite:
    try:
        return Suite(text.upper())
    except ValueError:
        raise ValueProblem(f'"{text}" is no crypto-suite of ours', suggest(text.upper(), tuple(Suite))) from None


def _parse_extensions(text: str) -> re.Pattern[str] | None:
    return parse_pattern(text) if text else None


def _parse_product(text: str) -> str:
    """What goes into Server and User-Agent (RFC 3261 §20.35) and the s= line of SDP."""
    if not re.fullmatch(f"{_TOKEN}(/{_TOKEN})?", text):
        raise ValueProblem(f'"{text}" cannot stand in a SIP header', 'use one word, such as "splitter"')
    return text


@dataclass(frozen=True, slots=True)
class Trunk:
    """A neighbour."""

    name: str
    role: Annotated[
        Role,
        Key(missing=f"add what stands there: role = one of {', '.join(Role)}", example='"access"', taken=Uptake.LIVE),
    ]
    """What stands there: "access", the operator's SBC, where callers come from; "centre", the voice call centre, where
    their audio goes; "seat", the SIP video clients of the agents; "web", callers' browsers, see [web_calls];
    "recorder", a recorder that speaks SIPREC, see [recording] recorders."""
    network: Annotated[
        str, Key(missing="add the name of our network that faces it", example='"access"', taken=Uptake.LIVE)
    ]
    """Our network that faces it."""
    peers: Annotated[tuple[Peer, ...], Key(parse=parse_peer, example='["198.51.100.0/28"]', taken=Uptake.LIVE)]
    """Sources that are believed to be this trunk: "ADDRESS", "ADDRESS:PORT" or "NETWORK/BITS". Other
    sources are ignored. Without it: the address below, with any port. Of role "web": from where browsers call by SIP
    over WebSocket, such as ["0.0.0.0/0", "::/0"]; without it they call by [web_calls] alone."""
    address: Annotated[
        Address | HostName | None,
        Key(parse=partial(parse_target, port=0), example='"10.1.0.20:5060"', taken=Uptake.LIVE),
    ] = None
    """Where calls to it go. A centre needs one, and so does an access trunk for calls outwards. An IP address, without
    a port 5060 (tls: 5061); or a name, such as "pbx.example.com": its NAPTR, SRV and address records name the servers,
    which are tried by priority and weight (RFC 3263), and are believed as sources. With a port, only its address
    records are asked for."""
    transport: Annotated[str, Key(choices=(*SENT_OVER, AUTO), taken=Uptake.LIVE)] = "udp"
    """For requests to it: "udp", "tcp" or "tls"; the network must listen on it. Without it, a name in the address says
    which by its records, as it does with "auto"."""
    tls_name: Annotated[str, Key(taken=Uptake.LIVE)] = ""
    """For tls: the name that its certificate must be for. Without it: the host of the address."""
    trusted: Annotated[bool, Key(taken=Uptake.LIVE)] = False
    """Inside the trust domain (RFC 3325): identity headers are believed and passed on. Not for agents, not for the
    internet."""
    call_id_headers: Annotated[tuple[str, ...], Key(parse=_parse_call_id_header, taken=Uptake.LIVE)] = (
        "x-splitter-call",
    )
    """How the centre is told the call id, so that its CTI can find the video: "x-splitter-call" (a header of that
    name), "user-to-user" (RFC 7433), or both; [] for neither."""
    caller_headers: Annotated[tuple[str, ...], Key(parse=_parse_caller_header, taken=Uptake.LIVE)] = ()
    """How the centre is told of the caller, so that it can queue web and video calls on their own:
    "x-splitter-caller" (a header of that name, such as "web;video;language=zh;customer=C-4711"; "phone" for one that
    came by SIP), "user-to-user" (RFC 7433: the same in hex), or both. Who must see it in the number has a [[route]] of
    its own with from = "web" and number."""
    bind_from: Annotated[tuple[str, ...], Key(parse=_parse_source, unique=True, taken=Uptake.LIVE)] = SOURCES[:2]
    """The headers in which this centre names the agent whom it gave a call to, in its 18x, 200, re-INVITE and UPDATE:
    the agent's desk then gets the video by itself. "p-asserted-identity" (RFC 3325), "remote-party-id", "contact", "to"
    (of responses), "from" (of requests: RFC 4916, which we then declare). Where they disagree nobody is chosen, and the
    desks are told. Whatever `trusted` says of callers' identities, the centre is believed about its own agents. []: not
    at all."""
    extension_pattern: Annotated[re.Pattern[str] | None, Key(parse=_parse_extensions, taken=Uptake.LIVE)] = None
    """What an agent's extension looks like: a regular expression for all of it, such as '8\\d{3}'. Set it where queues
    and announcements have short numbers too: they are then never taken for agents, and a call that goes back to a queue
    is taken from the desk. Empty: the extension of an account or of a desk that is online, or 2 to 6 digits."""
    transfers: Annotated[Transfers, Key(taken=Uptake.LIVE)] = Transfers.NONE
    """How this centre may hand a call to another of its phones, beside re-INVITE and INVITE with Replaces: "refer", by
    REFER (RFC 3515, RFC 5589), blind or attended: we call the number that it names, by the routes with from = "seat"
    that lead to a centre on its network, and the agent there gets the call and its picture. "none": REFER gets 405."""
    options_interval_s: Annotated[float, Key(0, 3600, taken=Uptake.LIVE)] = 10.0
    """How often it is asked by OPTIONS whether it is alive; 0: never. See [monitor]. A trunk that is down is tried
    last."""
    max_calls: Annotated[int, Key(0, 100_000, taken=Uptake.LIVE)] = 0
    """The most calls at a time, and new calls per second, from it and to it together; 0: no limit but
    gateway.max_calls. Past it calls from there get 503 with Retry-After, and calls to there take the next trunk."""
    calls_per_s: Annotated[float, Key(0, 10_000, taken=Uptake.LIVE)] = 0.0
    answer_limit_s: Annotated[float, Key(0.5, 32, taken=Uptake.LIVE)] = 4.0
    """Without any response from it for this long, its next server or the next trunk of the route is tried."""
    ring_limit_s: Annotated[float, Key(1, 3600, taken=Uptake.LIVE)] = 180.0
    """Ringing, or waiting in its queue before the answer, for longer than this ends the attempt."""
    reliable_provisional: Annotated[bool, Key(taken=Uptake.LIVE)] = True
    """Send ringing with early media reliably (PRACK, RFC 3262) to a peer that supports it; one that requires it always
    gets it."""
    delayed_offer: Annotated[bool, Key(taken=Uptake.LIVE)] = False
    """Send this centre INVITEs without an offer, so that it offers in its 200; some centres insist on that."""
    username: Annotated[str, Key(parse=optional(parse_user), taken=Uptake.LIVE)] = ""
    """Some centres want us to log in. Who we are to them, for REGISTER and wherever they ask in a call (401, 407):"""
    password: Annotated[str, Key(secret=True, taken=Uptake.LIVE)] = field(default="", repr=False)
    realm: Annotated[str, Key(parse=parse_realm, taken=Uptake.LIVE)] = ""
    """Of a centre: the only realm that gets this password; empty: whatever realm the centre names. Of seats that log
    in: what they are told whose password is meant; empty: gateway.name."""
    register: Annotated[bool, Key(taken=Uptake.LIVE)] = False
    """Keep us registered there, under the user name above, for this long at a time; refreshed in time, taken back at
    the end."""
    register_expires_s: Annotated[int, Key(30, 7 * _DAY_S, taken=Uptake.LIVE)] = 3600
    domain: Annotated[str, Key(parse=optional(parse_domain), taken=Uptake.LIVE)] = ""
    """The domain of that address, if it is not the centre's address: sip:username@domain."""
    bannable: Annotated[bool, Key(taken=Uptake.LIVE)] = False
    """These sources may be banned when they misbehave, see [transport]. For clients on the internet; addresses of other
    trunks are never banned."""
    authenticate: Annotated[bool, Key(taken=Uptake.LIVE)] = False
    """Seats must log in as one of the accounts below, for each call and for REGISTER. Without it, the address is
    enough."""
    algorithms: Annotated[tuple[str, ...], Key(parse=parse_algorithm, unique=True, filled=True, taken=Uptake.LIVE)] = (
        ALGORITHMS
    )
    """By what hashes (RFC 8760), the preferred one first. Leave "MD5" out where every seat knows better; leave it alone
    for seats that cannot read several challenges."""
    media_sources: Annotated[MediaSources, Key(taken=Uptake.LIVE)] = MediaSources.SIGNALLED
    """From where its RTP is taken. "signalled": only from the host that its SDP names, whose port may differ (NAT).
    "peers": from the sources above as well: for a neighbour whose media leave by another address of its own than its
    SDP says. "any": from anywhere, for clients behind NATs that write private addresses into SDP. What SDP names is
    preferred; another source is learned from its first packets within 5 s after each offer or answer, and then kept:
    whoever can send to our ports may otherwise be taken for the peer in that time. Where nothing comes but what is not
    taken, `splitter status`, the call and its trace say from where."""

    srtp: Annotated[Srtp, Key(taken=Uptake.LIVE)] = Srtp.NONE
    """Whether its voice and video are encrypted, by keys in SDP (SRTP with SDES, RFC 4568). "required": we offer and
    take RTP/SAVP, or RTP/AVP with keys; anything else gets 488. "optional": we offer RTP/AVP with keys beside it, which
    peers that know no SRTP pass over, and take whatever comes. "none": offers over RTP/SAVP get 488. Encrypted voice
    goes through the media workers, never through the kernel or rtpengine."""
    srtp_suites: Annotated[tuple[Suite, ...], Key(parse=_parse_suite, unique=True, filled=True, taken=Uptake.LIVE)] = (
        tuple(Suite)
    )
    """By what crypto-suites (RFC 4568, RFC 7714), as we offer them, the preferred one first. Of a peer's offer the
    first one that is here is taken."""
    srtp_in_clear: Annotated[bool, Key(taken=Uptake.LIVE)] = False
    """Tell and take keys over UDP and TCP too. Whoever reads the signalling can then decrypt the call: only for
    networks where nobody can. Without it keys need tls or wss."""

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
    """A way for called numbers to the trunks, which are tried one after the other until one takes the call."""

    called: Annotated[
        re.Pattern[str],
        Key(
            parse=parse_pattern,
            missing='add the called numbers, such as called = "110|119"; ".*" for all',
            example="'110|119|12345'",
            taken=Uptake.LIVE,
        ),
    ]
    """Called numbers: a regular expression (Python's) that must match the whole number. Services are called by their
    names: 'sos' takes urn:service:sos and, where no route before it does, urn:service:sos.police and the like."""
    trunks: Annotated[tuple[str, ...], Key(name="to", example='["pbx", "pbx2"]', taken=Uptake.LIVE)]
    """Trunks to try, one after the other, until one takes the call. Those that are down come last."""
    origin: Annotated[Role, Key(name="from", choices=ORIGINS, taken=Uptake.LIVE)] = Role.ACCESS
    """Where its calls come from: "access", callers, for the centres above; "centre", calls outwards, for access trunks
    that have an address: the centre then reaches these numbers and no others. They begin as plain voice calls, and
    video is asked for as in any other call. "seat", phones that agents invite into a call: extensions by a centre,
    outside numbers by an access trunk that has an address. Nobody else can be invited. "web": browsers that call by
    [web_calls], for the centres above."""
    number: Annotated[str, Key(taken=Uptake.LIVE)] = ""
    """What that trunk sees as the called number; \\1 is the first group of the pattern. Empty: the number that was
    called."""
    choice: Annotated[Choice, Key(taken=Uptake.LIVE)] = Choice.ORDER
    """Which of the trunks that are up comes first: "order", as they are written; "weighted", drawn anew for each call,
    one that answers OPTIONS quickly and evenly more often."""


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    """How a trunk's servers are watched, and what that means for the choice among trunks."""

    answer_limit_s: Annotated[float, Key(0.1, 32, taken=Uptake.LIVE)] = 2.0
    """A trunk's server that does not answer OPTIONS for this long has failed this once."""
    failures_down: Annotated[int, Key(1, 100, taken=Uptake.LIVE)] = 3
    """How many failures in a row mean that it is down (INVITEs without an answer count too), and how many answers in a
    row that it is up."""
    successes_up: Annotated[int, Key(1, 100, taken=Uptake.LIVE)] = 2
    jitter_factor: Annotated[float, Key(0, 100, taken=Uptake.LIVE)] = 0.1
    """Choice "weighted" gives a trunk the weight 1 / (latency + jitter_factor * jitter)."""


@dataclass(frozen=True, slots=True)
class OverloadSettings:
    """When load costs new calls their video, and when it turns them away."""

    # Past T1 (0.5 s) peers repeat themselves, which adds to the load.
    video_lag_s: Annotated[float, Key(0.01, 60, taken=Uptake.LIVE)] = 0.1
    """How late the event loop is when new calls get no video any longer, and when they get 503 with Retry-After."""
    refuse_lag_s: Annotated[float, Key(0.01, 60, taken=Uptake.LIVE)] = 0.3
    video_cpu: Annotated[float, Key(0.1, 2, taken=Uptake.LIVE)] = 0.9
    """The same for the share of one core that it uses; 1 is all of it."""
    refuse_cpu: Annotated[float, Key(0.1, 2, taken=Uptake.LIVE)] = 0.97
    recover_s: Annotated[float, Key(0, 600, taken=Uptake.LIVE)] = 3.0
    """Well below these (half of a lag, four fifths of a share) for this long takes one step back."""
    retry_after_s: Annotated[int, Key(1, 600, taken=Uptake.LIVE)] = 5
    """The least that Retry-After says, in seconds; up to twice as much by chance, so that not all come back at once."""


@dataclass(frozen=True, slots=True)
class CallSettings:
    """Bounds on calls."""

    name: Annotated[str, Key(table="gateway", parse=_parse_product, taken=Uptake.RESTART)] = "splitter"
    """What Server, User-Agent and the SDP session name say. One word."""
    max_calls: Annotated[int, Key(1, 100_000, table="gateway", taken=Uptake.LIVE)] = 2000
    """At this many calls an INVITE gets 503 with Retry-After. The media ports below must suffice for them."""
    drain_limit_s: Annotated[float, Key(0, _DAY_S, table="gateway", taken=Uptake.LIVE)] = 5.0
    """At SIGTERM new calls and OPTIONS get 503, and live calls may go on for this long before they are hung up. Keep it
    below TimeoutStopSec of the service."""
    consult_limit_s: Annotated[float, Key(1, 32, taken=Uptake.LIVE)] = 20.0
    """What one side may take to answer a re-INVITE that was relayed to it from the other (hold, another codec)."""
    consent_limit_s: Annotated[float, Key(5, 180, taken=Uptake.LIVE)] = 45.0
    """How long a caller who is asked for video on the phone's screen may think about it; then the question is taken
    back. The voice goes on meanwhile, and a hold or transfer by the centre takes the question back at once."""
    rejoin_window_s: Annotated[float, Key(5, 3600, taken=Uptake.LIVE)] = 60.0
    """How long an agent's browser that lost its connection, or was closed, may take to come back into the call.
    Meanwhile the caller sees the waiting picture; then it is removed, and joins anew if it comes later. The voice
    goes on."""
    leave_on_transfer: Annotated[bool, Key(taken=Uptake.LIVE)] = True
    """When the centre passes a call on to another agent, the former one's video ends with it."""
    own_number: Annotated[str, Key(taken=Uptake.LIVE)] = ""
    """The number that people in the network see who are called for an agent (POST /v1/calls, redial in the console),
    such as "110". Empty: the agent's extension."""
    go_on_without_agent: Annotated[bool, Key(taken=Uptake.LIVE)] = False
    """When the agent hangs up while a phone that was invited is in the call, the caller and the phone go on. Without
    it that ends the call for all, and who wants the others to go on says so before ("Leave" in the console)."""
    show_supervisors: Annotated[bool, Key(taken=Uptake.LIVE)] = True
    """Agents are shown which supervisors look on in their calls, or listen. Without it they see nobody until a
    supervisor whispers, talks or takes over; whoever may read all calls (calls:read) sees all the same. What the law
    or your agreements with staff ask for is for you to know."""
    bitrate_kbps: Annotated[int, Key(64, 20_000, taken=Uptake.LIVE)] = 960
    """Video bandwidth that we ask callers and seats for (b=AS), in kbit/s."""
    session_expires_s: Annotated[int, Key(0, _DAY_S, taken=Uptake.LIVE)] = 1800
    """Session timers (RFC 4028) on every leg: the interval that we ask for, in seconds (0 asks for none; a peer that
    wants one gets it), and the shortest that we grant."""
    min_session_expires_s: Annotated[int, Key(90, _DAY_S, taken=Uptake.LIVE)] = 90
    end_on_missed_refresh: Annotated[bool, Key(taken=Uptake.LIVE)] = False
    """A peer that was to refresh the session and did not is asked by us, while its call goes on; true ends the call at
    once."""

    @property
    def session_timers(self) -> TimerSettings:
        """What we ask for in session timers (RFC 4028)."""
        return TimerSettings(self.session_expires_s, self.min_session_expires_s)
