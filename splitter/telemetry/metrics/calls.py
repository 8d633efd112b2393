"""The counts of calls and of those who come into them."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from splitter.telemetry.metrics.registry import REGISTRY

ACTIVE = Gauge("splitter_calls_active", "Calls alive now, from INVITE to the end of both legs.", registry=REGISTRY)
ENDED = Counter(
    "splitter_calls_total",
    "Calls that ended, by outcome: answered (ended normally), cancelled (caller gave up), busy, no-answer, "
    "refused (by us or by the centre), failed (no route, no media, a fault).",
    ["outcome"],
    registry=REGISTRY,
)
REJECTED = Counter(
    "splitter_calls_rejected_total",
    "INVITEs turned away before a call was made, by reason: limit (gateway.max_calls), trunk-calls and trunk-rate (the "
    "trunk's own limits), overload, draining, loop, bad-request.",
    ["reason"],
    registry=REGISTRY,
)
SETUP_SECONDS = Histogram(
    "splitter_call_setup_seconds",
    "From the caller's INVITE to our 200 to the caller; ringing at the centre included.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 180),
    registry=REGISTRY,
)
SECONDS = Histogram(
    "splitter_call_seconds",
    "From answer to end of answered calls.",
    buckets=(1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200),
    registry=REGISTRY,
)
SEATS_JOINED = Gauge("splitter_seats_joined", "Seats and guests that are in a call now.", registry=REGISTRY)
WEBRTC_JOINS = Counter(
    "splitter_webrtc_joins_total",
    "Browsers that wanted to join a call over HTTP, by outcome: joined; no-h264, bad-offer (of what they offered); "
    "overload, full, no-media, replaced, timeout (of ours).",
    ["outcome"],
    registry=REGISTRY,
)
ROUTE_FAILOVERS = Counter(
    "splitter_route_failovers_total",
    "Attempts at a centre trunk that failed and made the call take its next route.",
    ["trunk"],
    registry=REGISTRY,
)
VIDEO_REFUSED = Counter(
    "splitter_video_refused_total", "Calls answered without the video that they asked for, for load.", registry=REGISTRY
)
VIDEO_QUESTIONS = Counter(
    "splitter_video_questions_total",
    "Callers who were asked for video, by outcome: accepted, refused, no-answer, unsupported, failed, withdrawn.",
    ["outcome"],
    registry=REGISTRY,
)
TRANSFERS = Counter(
    "splitter_transfers_total",
    "Transfers that a centre has asked for by REFER, by outcome: done, failed (whom it named did not come), refused.",
    ["outcome"],
    registry=REGISTRY,
)
BINDINGS = Counter(
    "splitter_bindings_total",
    "Calls given to an agent by the centre, CTI or a client, by outcome: bound, no-client (the agent has no video "
    "client online), nobody (taken back), unclear (the centre named several).",
    ["outcome"],
    registry=REGISTRY,
)
WEB_CALLS = Counter(
    "splitter_web_calls_total",
    "Attempts to call from a browser, by the API or by SIP, and what became of them: begun, returned (the browser came "
    "back into its call), "
    "origin, token, captcha, anonymous, number, offer, rate, full, draining, no-media (refused, and why).",
    ["outcome"],
    registry=REGISTRY,
)
