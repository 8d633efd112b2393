"""The counts of web callers."""

from __future__ import annotations

from prometheus_client import Counter

from splitter.telemetry.metrics import REGISTRY

WEB_CALLS = Counter(
    "splitter_web_calls_total",
    "Attempts to call from a browser, by the API or by SIP, and what became of them: begun, returned (the browser came "
    "back into its call), "
    "origin, token, captcha, anonymous, number, offer, rate, full, draining, no-media (refused, and why).",
    ["outcome"],
    registry=REGISTRY,
)
