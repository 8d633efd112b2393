"""What the media of a call have carried, as operators see it, from the counters of the media engine. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from splitter.calls.states import Side
from splitter.calls.view import CarriedView
from splitter.media.ports.rooms import ParticipantReport
from splitter.media.ports.voice import RelayReport

AUDIO, VIDEO = "audio", "video"


def by_voice(report: RelayReport | None) -> tuple[CarriedView, ...]:
    """What each side of the voice has sent and got; () where no engine knows."""
    if report is None:
        return ()
    return tuple(
        CarriedView(name, AUDIO, count.packets_in, count.packets_out, count.lost, count.rejected)
        for name, count in zip(Side, report.sides, strict=True)
    )


def by_video(report: ParticipantReport) -> CarriedView:
    """What a participant of the room has sent and got."""
    count = report.stream
    counts = (count.packets_in, count.packets_out, count.lost, count.rejected, report.key_frames_in)
    return CarriedView(report.name, VIDEO, *counts)


def summed(parts: Iterable[CarriedView]) -> tuple[CarriedView, ...]:
    """One line for each name and kind: who came back, or was moved, was counted twice."""
    found: dict[tuple[str, str], CarriedView] = {}
    for part in parts:
        before = found.get((part.name, part.kind))
        found[part.name, part.kind] = part if before is None else _sum(before, part)
    return tuple(found.values())


def _sum(one: CarriedView, other: CarriedView) -> CarriedView:
    return CarriedView(
        one.name,
        one.kind,
        one.packets_in + other.packets_in,
        one.packets_out + other.packets_out,
        one.lost + other.lost,
        one.rejected + other.rejected,
        one.key_frames + other.key_frames,
    )
