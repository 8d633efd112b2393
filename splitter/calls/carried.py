"""Counts of what the media of a call have carried, as operators see them, from the media engine's. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from splitter.calls.parties import owner_of
from splitter.calls.states import Side
from splitter.calls.view import CarriedView
from splitter.media.ports.ends import StreamCount
from splitter.media.ports.rooms import ParticipantReport
from splitter.media.ports.voice import RelayReport
from splitter.rtp.mos import mos
from splitter.rtp.transit import skew_s

AUDIO, VIDEO = "audio", "video"
_CALLERS = (Side.CALLER, VIDEO)
_PACKET_MS = 20.0  # a packet stands for so much of the voice


def by_voice(report: RelayReport | None, sides: Iterable[tuple[str, int, str]]) -> tuple[CarriedView, ...]:
    """The counts of each side of the voice; () where no engine knows.

    Args:
        sides: of each its name, its number at the engine, and the name of its codec, as in SDP; "" where none is
            agreed on.
    """
    if report is None:
        return ()
    known = [(name, codec, report.sides[at]) for name, at, codec in sides if 0 <= at < len(report.sides)]
    way_ms = sum(max(count.round_trip_ms, 0.0) for _, _, count in known[:2])  # from one end to the other and back
    return tuple(_by_side(name, codec, count, way_ms) for name, codec, count in known)


def _by_side(name: str, codec: str, count: StreamCount, way_ms: float) -> CarriedView:
    sent = count.packets_in + count.lost
    came = mos(codec, count.lost / sent, count.jitter_ms, count.round_trip_ms) if count.packets_in else 0.0
    told = count.lost_there >= 0 and count.packets_out > 0
    missed = count.lost_there / count.packets_out if told else 0.0
    went = mos(codec, missed, count.jitter_there_ms, way_ms) if told else 0.0
    return CarriedView(
        name,
        AUDIO,
        packets_in=count.packets_in,
        packets_out=count.packets_out,
        lost=count.lost,
        rejected=count.rejected,
        jitter_ms=round(count.jitter_ms, 1),
        mos=round(came, 2),
        round_trip_ms=round(count.round_trip_ms, 1),
        lost_there=count.lost_there,
        jitter_there_ms=round(count.jitter_there_ms, 1),
        mos_there=round(went, 2),
    )


def parties(reports: Iterable[ParticipantReport]) -> Iterable[ParticipantReport]:
    """Leave out the further streams of parties."""
    return (report for report in reports if owner_of(report.name) == report.name)


def by_video(report: ParticipantReport) -> CarriedView:
    """The counts of a participant of the room."""
    count = report.stream
    counts = (count.packets_in, count.packets_out, count.lost, count.rejected, report.key_frames_in)
    jitter_ms, round_trip_ms = round(count.jitter_ms, 1), round(report.rtt_ms, 1)
    return CarriedView(
        report.name,
        VIDEO,
        *counts,
        jitter_ms=jitter_ms,
        round_trip_ms=round_trip_ms,
        lost_there=count.lost_there,
        jitter_there_ms=round(count.jitter_there_ms, 1),
    )


def with_skew(
    parts: tuple[CarriedView, ...], voice: StreamCount | None, picture: StreamCount | None
) -> tuple[CarriedView, ...]:
    """Say how much later the caller's picture comes than the caller's voice (RFC 3550 §6.4.1, lip sync).

    Args:
        voice, picture: of the caller, as the engine counts now.
    """
    skew = _skew_ms(voice, picture)
    if skew is None or voice is None or picture is None:
        return parts
    unsure = _PACKET_MS + max(voice.jitter_ms, 0.0) + max(picture.jitter_ms, 0.0)
    return tuple(
        replace(one, skew_ms=skew, skew_uncertainty_ms=round(unsure, 1)) if (one.name, one.kind) == _CALLERS else one
        for one in parts
    )


def _skew_ms(voice: StreamCount | None, picture: StreamCount | None) -> float | None:
    if voice is None or picture is None or voice.cname != picture.cname:
        return None  # of two clocks, perhaps
    skew = skew_s(picture.transit_s, voice.transit_s)
    return None if skew is None else round(1000 * skew, 1)


def summed(parts: Iterable[CarriedView]) -> tuple[CarriedView, ...]:
    """One line for each name and kind: who came back, or was moved, was counted twice."""
    found: dict[tuple[str, str], CarriedView] = {}
    for part in parts:
        before = found.get((part.name, part.kind))
        found[part.name, part.kind] = part if before is None else _sum(before, part)
    return tuple(found.values())


def _sum(one: CarriedView, other: CarriedView) -> CarriedView:
    return replace(
        other,
        packets_in=one.packets_in + other.packets_in,
        packets_out=one.packets_out + other.packets_out,
        lost=one.lost + other.lost,
        rejected=one.rejected + other.rejected,
        key_frames=one.key_frames + other.key_frames,
        lost_there=max(one.lost_there, 0) + other.lost_there if other.lost_there >= 0 else one.lost_there,
        round_trip_ms=other.round_trip_ms if other.round_trip_ms >= 0 else one.round_trip_ms,
    )
