"""Figures of the media of an ended call, for the metrics: by roles, and never by call."""

from __future__ import annotations

from splitter.calls.carried import AUDIO
from splitter.calls.states import Side
from splitter.calls.view import CarriedView
from splitter.telemetry import metrics

FEWEST = 50
"""Packets: of fewer, nothing can be said."""

_NAMED = ("centre", "phone", "seat", "desk", "guest", "expert", "onlooker")


def observe(carried: tuple[CarriedView, ...], caller: str) -> None:
    """Add an ended call's media to the metrics.

    Args:
        caller: the role of the trunk that the caller is on: "access" or "web".
    """
    for one in carried:
        kind = one.name.partition("-")[0]
        _observe(one, caller if kind == Side.CALLER else kind if kind in _NAMED else "other")


def _observe(one: CarriedView, role: str) -> None:
    came, went = (one.kind, role, "from"), (one.kind, role, "to")
    if one.packets_in >= FEWEST:
        metrics.quality.LEG_LOSS.labels(*came).observe(one.lost / (one.packets_in + one.lost))
        if one.jitter_ms >= 0:
            metrics.quality.LEG_JITTER.labels(*came).observe(one.jitter_ms / 1000)
    if one.packets_out >= FEWEST and one.lost_there >= 0:
        metrics.quality.LEG_LOSS.labels(*went).observe(min(one.lost_there / one.packets_out, 1.0))
        if one.jitter_there_ms >= 0:
            metrics.quality.LEG_JITTER.labels(*went).observe(one.jitter_there_ms / 1000)
    if one.round_trip_ms >= 0:
        metrics.quality.LEG_ROUND_TRIP.labels(one.kind, role).observe(one.round_trip_ms / 1000)
    if one.skew_ms is not None:
        metrics.quality.SKEW.labels(role).observe(one.skew_ms / 1000)
    if one.kind != AUDIO:
        return
    for direction, score in (("from", one.mos), ("to", one.mos_there)):
        if score:
            metrics.quality.VOICE_MOS.labels(role, direction).observe(score)
