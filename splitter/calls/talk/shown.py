"""A call as operators see it, made of its value. Pure."""

from __future__ import annotations

from splitter.calls.parties import limits_for
from splitter.calls.states import CallState, Side
from splitter.calls.talk.phones import Phone
from splitter.calls.talk.room import MOSAIC, RoomState
from splitter.calls.talk.state import Talk
from splitter.calls.view import CallView, LegView, MosaicView, VideoView
from splitter.core.text import plain
from splitter.media.ports.rooms import ParticipantReport
from splitter.media.ports.voice import RelayReport
from splitter.sdp.video import Limits


def view_of(
    talk: Talk,
    legs: tuple[LegView, ...],
    asking: tuple[str, ...],
    bitrate_kbps: int,
    node: str = "",
    calling: tuple[Phone, ...] = (),
    records: bool = False,
) -> CallView:
    """Show a call. What strangers wrote in it is harmless from here on: in pages, events, webhooks and the store.

    Args:
        legs: those that are in it now.
        asking: extensions whose desks ask to be let in.
        bitrate_kbps: of the caller's video at most.
        node: that has it.
        calling: phones that are being called.
        records: it can be recorded.
    """
    received = talk.room.received_by(Side.CALLER)
    limits = limits_for(received, bitrate_kbps) if received is not None else None
    return CallView(
        call_id=talk.call_id,
        short_code=talk.short_code,
        state=talk.state,
        caller=plain(talk.identity.number),
        called=plain(talk.called_number),
        started_at=talk.started_at,
        answered_at=talk.answered_at,
        ended_at=talk.ended_at,
        end_reason=plain(talk.end_reason),
        end_status=talk.end_status,
        route=talk.route,
        showing=talk.video.showing,
        legs=(*talk.past_legs, *legs),
        facts=talk.facts,
        parties=talk.parties.views(),
        video=_video_of(talk, limits),
        extension=talk.extension,
        bound_by=talk.bound_by,
        asking=asking,
        admitted=tuple(sorted(talk.admitted)),
        strangers=tuple(talk.strangers.values()),
        direction=talk.direction,
        carried=talk.carried,
        node=node,
        chosen=talk.room.chosen_for_caller,
        phones=(
            *talk.past_phones,
            *(phone.view(phone.name in talk.muted) for phone in (*talk.phones.values(), *calling)),
        ),
        muted=tuple(sorted(talk.muted)),
        silences=tuple(talk.silences),
        messages=talk.aside.written,
        location=None if talk.state is CallState.ENDED else talk.aside.location,
        mosaic=_mosaic_of(talk.room),
        course=talk.course.view(),
        recording=talk.recording.view(talk.call_id, records),
        consents=tuple(talk.aside.consents),
        rating=talk.aside.rating,
        photos=talk.aside.photos,
        web=(near := talk.legs.get(talk.near)) is not None and near.by_page,
        test=talk.test,
    )


def _video_of(talk: Talk, limits: Limits | None) -> VideoView:
    asked, fault = talk.video.view, plain(talk.plan.video_fault) if talk.plan is not None else ""
    return VideoView(asked.state, asked.outcome, asked.reason, asked.supported, limits, talk.video.sends, fault)


def _mosaic_of(room: RoomState) -> MosaicView | None:
    mosaic = room.mosaic
    return MosaicView(mosaic.shown, plain(mosaic.reason), mosaic.of) if room.viewers_of(MOSAIC) else None


def in_words(report: RelayReport | ParticipantReport) -> str:
    """What a relay or a participant of the room has carried, for the trace."""
    if isinstance(report, RelayReport):
        caller, centre, *more = report.sides
        text = f"voice: {caller.packets_in} packets from the caller, {centre.packets_in} from the centre"
        if more:
            text += f", {sum(side.packets_in for side in more)} from {len(more)} more"
        return f"{text}; {sum(side.rejected for side in report.sides)} from strangers"
    stream = report.stream
    text = f"video: {stream.packets_in} packets from it, {stream.packets_out} to it, {stream.lost} lost"
    return f"{text}; {report.key_frames_in} key frames"
