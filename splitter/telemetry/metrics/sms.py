"""The counts of short messages and of the links in them."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from splitter.telemetry.metrics.registry import REGISTRY

MESSAGES = Counter(
    "splitter_sms_messages_total",
    "Short messages by the state that they came into: queued, handed-on (to whoever sends them), sent, unknown (the "
    "answer did not come), delivered, opened (the link was used), failed.",
    ["carrier", "state"],
    registry=REGISTRY,
)
ATTEMPTS = Counter(
    "splitter_sms_attempts_total",
    "Attempts at sending, by what came of them: taken, handed-on, again, turned-down, in-doubt.",
    ["carrier", "outcome"],
    registry=REGISTRY,
)
THROTTLED = Counter(
    "splitter_sms_throttled_total", "Answers of a service that it gets too much.", ["carrier"], registry=REGISTRY
)
RECEIPTS = Counter(
    "splitter_sms_receipts_total",
    "Receipts, by what they were: news, known (it changed nothing), stray (of no message that is known).",
    ["carrier", "kind"],
    registry=REGISTRY,
)
WAITING = Gauge("splitter_sms_waiting", "Short messages that are still to be sent.", registry=REGISTRY)
OLDEST_S = Gauge(
    "splitter_sms_oldest_seconds", "How long the oldest of them has waited; 0 for none.", registry=REGISTRY
)
CARRIER_UP = Gauge(
    "splitter_sms_carrier_up", "1 while the connection to an SMPP service is bound.", ["carrier"], registry=REGISTRY
)
LINKS = Counter(
    "splitter_links_total",
    "Short links, by what became of them: made, used, revoked; of attempts to use one: wrong (there is none), ended "
    "(its call is over, or its time), limited (too many wrong ones before), other-device.",
    ["outcome"],
    registry=REGISTRY,
)
