"""The counts of the neighbours: their state, their limits, their names."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from splitter.telemetry.metrics.registry import REGISTRY

UP = Gauge(
    "splitter_trunk_up",
    "1 while calls may go to the trunk, 0 while it is down or draining.",
    ["trunk"],
    registry=REGISTRY,
)
CHANGES = Counter(
    "splitter_trunk_changes_total",
    "Changes of a trunk's state, by the new one: up, down, draining.",
    ["trunk", "state"],
    registry=REGISTRY,
)
PROBES = Counter(
    "splitter_trunk_probes_total",
    "OPTIONS sent to watch a trunk, by outcome: alive, failed, held (it asked to be left alone).",
    ["trunk", "outcome"],
    registry=REGISTRY,
)
LATENCY_SECONDS = Gauge(
    "splitter_trunk_latency_seconds",
    "How long the trunk's nearest server takes to answer OPTIONS, smoothed.",
    ["trunk"],
    registry=REGISTRY,
)
JITTER_SECONDS = Gauge(
    "splitter_trunk_jitter_seconds",
    "How much that time varies, smoothed.",
    ["trunk"],
    registry=REGISTRY,
)
CALLS = Gauge(
    "splitter_trunk_calls", "Calls from and to the trunk, those being set up included.", ["trunk"], registry=REGISTRY
)
LIMITED = Counter(
    "splitter_trunk_limited_total",
    "Calls that a limit of the trunk kept from it or refused from it, by limit: calls, rate.",
    ["trunk", "limit"],
    registry=REGISTRY,
)
DNS_LOOKUPS = Counter(
    "splitter_dns_lookups_total",
    "Look-ups of the trunks' names, by outcome: found, nothing (it leads nowhere), failed (the last answer is kept).",
    ["outcome"],
    registry=REGISTRY,
)
