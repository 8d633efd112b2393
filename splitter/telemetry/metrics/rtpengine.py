"""The counts of rtpengines."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from splitter.telemetry.metrics.registry import REGISTRY

UP = Gauge("splitter_rtpengine_up", "1 while an rtpengine answers, 0 while it does not.", ["name"], registry=REGISTRY)
RELAYS = Gauge("splitter_rtpengine_relays", "Audio relays that an rtpengine carries now.", ["name"], registry=REGISTRY)
PASSED_OVER = Counter(
    "splitter_rtpengine_passed_over_total",
    "Relays that media workers carry because no rtpengine could.",
    registry=REGISTRY,
)
NG_MALFORMED = Counter(
    "splitter_ng_malformed_total", "Replies of rtpengines that could not be read.", registry=REGISTRY
)
