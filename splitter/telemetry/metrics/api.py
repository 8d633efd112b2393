"""The counts of the API: requests, logins, event sockets, webhooks."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from splitter.telemetry.metrics.registry import REGISTRY

REQUESTS = Counter(
    "splitter_api_requests_total", "Requests to the API, by route and status.", ["route", "status"], registry=REGISTRY
)
REFUSED = Counter(
    "splitter_api_refused_total",
    "Requests to the API turned away, by reason: no-token, wrong-token (malformed, forged or unknown), expired, scope "
    "(the token may not do that), not-yours (a call of another desk), origin (a page of another site), body (too "
    "large, of another kind or not to be read), slow (it did not arrive in time), rate (too often), connections (too "
    "many), busy (its turn did not come in time, because calls go first), no-http (not to be read as HTTP).",
    ["reason"],
    registry=REGISTRY,
)
WAITING = Gauge(
    "splitter_api_waiting",
    "Requests and connections to the API and to /metrics that wait for their turn, because calls go first.",
    registry=REGISTRY,
)
LOGINS = Counter(
    "splitter_api_logins_total",
    "Logins at the API, by outcome: granted, wrong (user or password), limited (too many failures before).",
    ["outcome"],
    registry=REGISTRY,
)
EVENT_LISTENERS = Gauge("splitter_event_listeners", "Event sockets that are open now.", registry=REGISTRY)
EVENT_LISTENERS_CLOSED = Counter(
    "splitter_event_listeners_closed_total",
    "Event sockets that we closed, by reason: ending, expired (its token), slow, replaced (by the same client).",
    ["reason"],
    registry=REGISTRY,
)
WEBHOOK_DELIVERIES = Counter(
    "splitter_webhook_deliveries_total",
    "Events of webhooks, by outcome: delivered, refused (an answer that makes no second attempt sensible), given-up "
    "(tried often enough), dropped (too many waited).",
    ["hook", "outcome"],
    registry=REGISTRY,
)
WEBHOOK_RETRIES = Counter(
    "splitter_webhook_retries_total", "Attempts at a webhook that have to be repeated.", ["hook"], registry=REGISTRY
)
WEBHOOK_WAITING = Gauge(
    "splitter_webhook_waiting", "Events that a webhook has not got yet.", ["hook"], registry=REGISTRY
)
