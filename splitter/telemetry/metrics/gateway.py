"""The counts of the process itself: its build, its configuration, its event loop, those whom it tells."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from splitter.telemetry.metrics.registry import REGISTRY
from splitter.telemetry.metrics.tally import Tallies

CONFIG_RELOADS = Counter(
    "splitter_config_reloads_total",
    "Reloads of the configuration, certificates included, by result: done; failed (it has a fault); refused (it takes "
    "a restart). Nothing has changed after the last two.",
    ["result"],
    registry=REGISTRY,
)
CONFIG_RELOADED_AT = Gauge(
    "splitter_config_reload_seconds",
    "When the configuration was last to be reloaded, in seconds since the Unix epoch.",
    registry=REGISTRY,
)
CONFIG_RELOAD_OK = Gauge(
    "splitter_config_reload_ok",
    "0 after a reload that changed nothing: the configuration on disk is not what runs; see the log.",
    registry=REGISTRY,
)
CONFIG_RELOAD_OK.set(1)
CONFIG_PENDING = Gauge(
    "splitter_config_pending_keys",
    "Keys of the configuration on disk that the last reload has seen changed, and that wait for `splitter restart`.",
    registry=REGISTRY,
)
LOOP_LAG_SECONDS = Gauge(
    "splitter_loop_lag_seconds", "How late the event loop is with its work; the median of a second.", registry=REGISTRY
)
LOOP_CPU_RATIO = Gauge(
    "splitter_loop_cpu_ratio", "Share of one core that the event loop's thread uses; over a second.", registry=REGISTRY
)
OVERLOAD_LEVEL = Gauge(
    "splitter_overload_level", "0 none, 1 new calls get no video, 2 new calls are refused.", registry=REGISTRY
)
SUBSCRIBER_FAILURES = Counter(
    "splitter_subscriber_failures_total",
    "Faults of those who are told what happens (store, hub, desks, webhooks, album, pictures), each of which cost that "
    "one alone; health: a part that could not say what is wrong with it. The log says what it was.",
    ["subscriber"],
    registry=REGISTRY,
)
SUBSCRIBER_SECONDS = Tallies(
    "splitter_subscriber_seconds_total",
    "Time of the event loop that those who are told what happens have taken from the calls.",
    ["subscriber"],
    registry=REGISTRY,
)
LOG_DROPPED = Gauge(
    "splitter_log_dropped_lines",
    "Lines of the log that were lost since the start, because standard error was closed, full or not read.",
    registry=REGISTRY,
)
BUILD = Gauge("splitter_build_info", "Always 1; the version is a label.", ["version"], registry=REGISTRY)
READY = Gauge("splitter_ready", "1 while new calls are taken: from readiness on, but for a drain.", registry=REGISTRY)
