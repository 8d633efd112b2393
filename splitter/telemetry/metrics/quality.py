"""How well media came and went, over all calls: observed when a call ends; and voices that are missed."""

from __future__ import annotations

from prometheus_client import Counter, Histogram

from splitter.telemetry.metrics.registry import REGISTRY

_MEANS = (
    "By media (audio, video), role (access, web: the caller; centre, phone, seat, desk, guest, expert, onlooker) and "
    "direction: from, as we count what came; to, as the other end's RTCP says of what it was sent."
)
LEG_LOSS = Histogram(
    "splitter_leg_loss_ratio",
    f"Lost packets of a leg of an answered call, 0 to 1. {_MEANS}",
    ["media", "role", "direction"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5),
    registry=REGISTRY,
)
LEG_JITTER = Histogram(
    "splitter_leg_jitter_seconds",
    f"Jitter (RFC 3550) of a leg of an answered call. {_MEANS}",
    ["media", "role", "direction"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5),
    registry=REGISTRY,
)
LEG_ROUND_TRIP = Histogram(
    "splitter_leg_round_trip_seconds",
    "From us to the other end of a leg and back, by RTCP, as it was when the call ended; by media and whose it was.",
    ["media", "role"],
    buckets=(0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2),
    registry=REGISTRY,
)
VOICE_MOS = Histogram(
    "splitter_voice_mos",
    "How good the voice of answered calls was (ITU-T G.107), by role (see splitter_leg_loss_ratio) and direction: "
    "from, as it came to us; to, as the other end heard it.",
    ["role", "direction"],
    buckets=(1.5, 2, 2.5, 3, 3.25, 3.5, 3.75, 4, 4.2, 4.4),
    registry=REGISTRY,
)
SKEW = Histogram(
    "splitter_skew_seconds",
    "By how much the caller's picture came later than the caller's voice (below 0: earlier), by the sender reports of "
    "both, as it was when the call ended; by role (access, web).",
    ["role"],
    buckets=(-0.5, -0.2, -0.1, -0.045, 0, 0.045, 0.125, 0.2, 0.5, 1),
    registry=REGISTRY,
)
VOICES_MISSED = Counter(
    "splitter_voices_missed_total",
    "Voices of answered calls that did not come for 5 s after the answer, or stopped for 10 s, though nobody was "
    "on hold and nothing said that they paused; by whose it was (caller, centre, phone).",
    ["side"],
    registry=REGISTRY,
)
