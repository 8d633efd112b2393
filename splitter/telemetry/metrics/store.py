"""The counts of the store: calls, traces, pictures."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from splitter.telemetry.metrics.registry import REGISTRY

UP = Gauge(
    "splitter_store_up", "1 while the store takes writes, 0 while it cannot (full, unwritable).", registry=REGISTRY
)
ALARMS = Counter(
    "splitter_store_alarms_total",
    "Failures of the store, by kind: full, unwritable, corrupt, other. Calls go on meanwhile.",
    ["kind"],
    registry=REGISTRY,
)
QUEUE = Gauge("splitter_store_queue", "Rows that wait to be written.", registry=REGISTRY)
BYTES = Gauge("splitter_store_bytes", "Size of the data in the store.", registry=REGISTRY)
PRUNED = Counter(
    "splitter_store_pruned_total", "Calls deleted from the store for age or size.", ["reason"], registry=REGISTRY
)
TRACE_DROPPED = Counter(
    "splitter_trace_dropped_total",
    "Trace events and call rows that were not kept because the store's queue was full.",
    registry=REGISTRY,
)
PICTURES_REFUSED = Counter(
    "splitter_pictures_refused_total",
    "Uploaded pictures that were refused, by reason (picture, pdf: too large or none; full: no room in the library).",
    ["reason"],
    registry=REGISTRY,
)
