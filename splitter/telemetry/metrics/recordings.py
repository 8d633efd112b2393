"""The counts of recordings, and of forks of them."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

from splitter.telemetry.metrics.registry import REGISTRY

STOPPED = Counter(
    "splitter_recordings_stopped_total",
    "Recordings that had to stop by a fault: no room on the disk, no recorder.",
    registry=REGISTRY,
)
KEPT_BYTES = Gauge(
    "splitter_recordings_kept_bytes",
    "What recordings take on this machine, films and screenshots included; not what was moved to a store.",
    registry=REGISTRY,
)
QUOTA_BYTES = Gauge(
    "splitter_recordings_quota_bytes", "What they may take: [recording] quota_gb; 0 for no limit.", registry=REGISTRY
)
FORK_FRAMES = Counter(
    "splitter_fork_frames_total",
    "Frames of forked calls, by what became of them: sent, or dropped since the receiver was slow or down.",
    ["outcome"],
    registry=REGISTRY,
)
FORK_STREAMS_LEFT_OUT = Counter(
    "splitter_fork_streams_left_out_total",
    "Voices, pictures and stills that a fork does not send, since its call has more than 32.",
    registry=REGISTRY,
)
FORKS_FAILED = Counter(
    "splitter_forks_failed_total",
    "Forks whose connection could not be made, or broke; tries that fail for the same reason count once.",
    registry=REGISTRY,
)
