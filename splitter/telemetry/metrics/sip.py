"""The counts of SIP: messages, sources, connections, registrations."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from splitter.telemetry.metrics.registry import REGISTRY
from splitter.telemetry.metrics.tally import Tallies, Tally

MESSAGES = Tallies(
    "splitter_sip_messages_total",
    "SIP messages, by network, direction (in, out) and kind: a request's method, a response's class such as 2xx.",
    ["network", "direction", "kind"],
    registry=REGISTRY,
)
MALFORMED = Counter(
    "splitter_sip_malformed_total",
    "SIP messages that could not be parsed; answered with 400 where that was possible.",
    ["network", "transport"],
    registry=REGISTRY,
)
UNKNOWN_SOURCE = Counter(
    "splitter_sip_unknown_source_total",
    "Datagrams that were dropped unanswered and connections that were closed, from a source that no trunk names.",
    ["network", "transport"],
    registry=REGISTRY,
)
TRANSACTIONS = Gauge("splitter_sip_transactions", "SIP transactions alive now.", registry=REGISTRY)
TIMEOUTS = Counter(
    "splitter_sip_timeouts_total", "Requests of ours that nobody answered, by network.", ["network"], registry=REGISTRY
)
ABUSE = Counter(
    "splitter_sip_abuse_total",
    "What costs a source points towards a ban, by reason: malformed, oversize, unknown-source, not-sip (a connection "
    "that ended without a message), slow (bytes that trickle, a peer that does not read), handshake (no TLS), flood, "
    "authentication, foreign-dialog (a request in a dialog of another peer), guess (calls that are not there), "
    "other. Neighbours that are never banned are counted too.",
    ["network", "transport", "reason"],
    registry=REGISTRY,
)
BANNED = Gauge("splitter_sip_banned", "Sources that are banned now; see `splitter bans`.", registry=REGISTRY)
BANNED_DROPS = Counter(
    "splitter_sip_banned_drops_total",
    "Datagrams and connections of banned sources that were dropped unread.",
    ["network", "transport"],
    registry=REGISTRY,
)
AUTHENTICATIONS = Counter(
    "splitter_authentications_total",
    "Requests of seats on trunks that ask for authentication, by outcome: granted; missing, stale (they are challenged "
    "and come again); wrong-password, unknown-user, replayed, other-name, malformed (failed logins); limited (one of "
    "too many).",
    ["outcome"],
    registry=REGISTRY,
)
SEATS_REGISTERED = Gauge("splitter_seats_registered", "SIP seats that are registered now.", registry=REGISTRY)
REGISTERED = Gauge("splitter_registered", "1 while we are registered at this trunk.", ["trunk"], registry=REGISTRY)
REGISTRATION_FAILURES = Counter(
    "splitter_registration_failures_total",
    "Attempts to register at this trunk that failed.",
    ["trunk"],
    registry=REGISTRY,
)
TCP_CONNECTIONS = Gauge(
    "splitter_tcp_connections", "SIP connections over TCP, TLS and WebSocket open now.", ["network"], registry=REGISTRY
)
TCP_REFUSED = Counter(
    "splitter_tcp_refused_total",
    "Connections cut off, by reason: limit, source-limit (too many of one source), handshakes (too many in "
    "progress; the oldest gives way), "
    "gave-way (it had carried no message when another needed its place).",
    ["network", "reason"],
    registry=REGISTRY,
)
TLS_CERTIFICATE_ENDS = Gauge(
    "splitter_tls_certificate_not_after_seconds",
    "When the certificate of a network ends, in seconds since the Unix epoch. Renew it, then `splitter reload`.",
    ["network"],
    registry=REGISTRY,
)

_BASIC = {"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER"}  # RFC 3261
_EXTENSIONS = {"UPDATE", "INFO", "PRACK", "REFER", "NOTIFY", "SUBSCRIBE", "MESSAGE", "PUBLISH"}
_METHODS = frozenset(_BASIC | _EXTENSIONS)
_message_counters: dict[tuple[str, str, str | int], Tally] = {}


def count_message(network: str, direction: str, kind: str | int) -> None:
    """Count one SIP message.

    Args:
        network: our network's name.
        direction: "in" or "out".
        kind: a request's method or a response's status. Unknown methods are counted as "other", so that a peer cannot
            make up labels.
    """
    try:
        _message_counters[network, direction, kind].amount += 1
    except KeyError:
        _counter_of(network, direction, kind).amount += 1


def _counter_of(network: str, direction: str, method_or_status: str | int) -> Tally:
    """The counter of such messages, which is looked up again only for methods that a peer made up."""
    if isinstance(method_or_status, str) and method_or_status not in _METHODS:
        return MESSAGES.of(network, direction, "other")
    kind = method_or_status if isinstance(method_or_status, str) else f"{method_or_status // 100}xx"
    counter = _message_counters[network, direction, method_or_status] = MESSAGES.of(network, direction, kind)
    return counter
