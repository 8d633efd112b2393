"""The mosaic of a call: made while somebody is to see it and it can be had; else the speaker is shown instead. Pure.

    wanted, and two pictures are there ──SetMosaic──▶ begun ──MediaStarted──▶ shown
         ▲                                              │ refused, died, too late; or one picture is left
         └─ after a pause, or as soon as it can be ── the speaker is shown; then the mosaic is taken away

It stays until nobody sees it any more, so that nobody sees a gap.
"""

from __future__ import annotations

from typing import NamedTuple

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.events import MosaicSet
from splitter.calls.states import PartyKind, Side
from splitter.calls.talk.commands import Note, Notify, SetAlarm, Steps, StopAlarm, Tell
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.media_commands import FollowMosaic, SetMosaic
from splitter.calls.talk.room import MOSAIC
from splitter.core.pauses import doubled_s
from splitter.core.text import plain
from splitter.media.ports.mosaics import MOST, MosaicPlan, Pictured
from splitter.media.room.layout import in_mosaic, is_callers

_AGAIN, _LEAVE, _BEGIN = (Alarm(AlarmKind.MOSAIC, subject) for subject in ("again", "leave", "begin"))
_AGAIN_S, _AGAIN_MOST_S = 5.0, 120.0  # pauses after a failure; they double
_STEADY_S = 60.0  # one that lasted so long does not count for the next pause
_LEAVE_S = 2.0  # so long it stays for those who see it and wait for another's key frame
_BEGIN_S = 10.0
_CALLER_NAME = "Caller"


class _Seen(NamedTuple):
    """Somebody who may be in a mosaic."""

    name: str
    sends: bool
    first: bool


def has_mosaic(call: LiveCall) -> bool:
    """Whether there is one, or somebody wants it, or was told why there is none."""
    room = call.talk.room
    return room.mosaic.open or bool(room.mosaic.reason) or MOSAIC in room.choices.values()


def follow_mosaic(call: LiveCall) -> Steps[None]:
    """Begin, change or end the mosaic as those who are to see it and those who send want it; after each event."""
    mosaic, viewers = call.talk.room.mosaic, call.talk.room.viewers_of(MOSAIC)
    if not viewers and not mosaic.open:
        mosaic.reason = ""
        return
    plan, why = _plan(call, viewers)
    if plan is not None and plan != mosaic.plan:
        mosaic.plan, mosaic.open = plan, True
        yield StopAlarm(_LEAVE)
        yield SetMosaic(plan)
    elif plan is None and mosaic.plan is not None:
        yield from _withdraw(call, why)
    elif plan is None and viewers and why != mosaic.reason:
        yield from _tell_why_not(call, why)
    if mosaic.plan is None and mosaic.open and not _is_seen(call):
        yield from _take_away(call)


def on_mosaic_set(call: LiveCall, event: MosaicSet) -> Steps[None]:
    """Take in that the engine has begun or changed it; or cannot."""
    mosaic = call.talk.room.mosaic
    if event.plan is None or event.plan != mosaic.plan:
        return
    if event.fault:
        yield from _fail(call, event.fault)
    elif mosaic.begun:
        yield from _show(call, event.plan)
    else:
        yield SetAlarm(_BEGIN_S, _BEGIN)


def on_mosaic_started(call: LiveCall) -> Steps[None]:
    """Take in that its picture is there."""
    mosaic = call.talk.room.mosaic
    yield StopAlarm(_BEGIN)
    if mosaic.plan is not None:
        mosaic.begun, mosaic.since = True, call.now
        yield from _show(call, mosaic.plan)


def on_mosaic_lost(call: LiveCall, reason: str) -> Steps[None]:
    """Take in that its process is gone, or its picture has stopped."""
    mosaic = call.talk.room.mosaic
    if mosaic.plan is None:
        if mosaic.open:  # it was to be taken away
            yield from _take_away(call)
        return
    if mosaic.begun and call.now - mosaic.since >= _STEADY_S:
        mosaic.tries = 0
    yield from _fail(call, reason)


def on_mosaic_alarm(call: LiveCall, alarm: Alarm) -> Steps[None]:
    """A pause is over, or something has taken too long."""
    mosaic = call.talk.room.mosaic
    if alarm == _AGAIN:
        mosaic.rests = False
    elif alarm == _LEAVE and mosaic.plan is None and mosaic.open:
        yield from _take_away(call)
    elif alarm == _BEGIN and mosaic.plan is not None and not mosaic.begun:
        yield from _fail(call, "it did not begin in time")


def _plan(call: LiveCall, viewers: tuple[str, ...]) -> tuple[MosaicPlan | None, str]:
    """The plan of what is to be made, or why nothing can be."""
    room = call.talk.room
    if not viewers:
        return None, "nobody is to see it any more"
    if room.mosaic.rests:
        return None, room.mosaic.reason
    names = in_mosaic(_present(call), room.mosaic.of, viewers, room.speakers, MOST)
    if not names:
        return None, "fewer than two pictures are there for it"
    formats = tuple(format for one in viewers if (format := room.received_by(one)) is not None)
    if not formats:
        return None, "nobody who is to see it has video"
    pictures = tuple(Pictured(name, _name_of(call, name)) for name in names)
    return MosaicPlan(pictures, formats, upright=all(_is_phone(call, one) for one in viewers)), ""


def _present(call: LiveCall) -> list[_Seen]:
    talk, room = call.talk, call.talk.room
    caller = _Seen(Side.CALLER.value, talk.video.sends and Side.CALLER in room.members, False)
    parties = talk.parties.all()
    return [
        caller,
        *(_Seen(one.name, one.sends and one.name in room.members, one.name in room.hosts) for one in parties),
    ]


def _name_of(call: LiveCall, source: str) -> str:
    """The name that is written in a picture. Numbers are not for those to read who are in the call by a link."""
    party = call.talk.parties.get(source)
    if party is None or party.kind is PartyKind.GUEST:
        return _CALLER_NAME
    if party.kind is PartyKind.PHONE:
        return plain(party.desk.title) or source
    return plain(party.desk.title or party.desk.extension) or source


def _is_phone(call: LiveCall, viewer: str) -> bool:
    party = call.talk.parties.get(viewer)
    return is_callers(viewer) or (party is not None and party.kind is PartyKind.PHONE)


def _is_seen(call: LiveCall) -> bool:
    return MOSAIC in (call.talk.video.showing, *(one.showing for one in call.talk.parties.all()))


def _show(call: LiveCall, plan: MosaicPlan) -> Steps[None]:
    mosaic = call.talk.room.mosaic
    before, mosaic.shown, mosaic.reason = mosaic.shown, plan.sources, ""
    words = f"a mosaic of {', '.join(mosaic.shown)} is shown"
    if before:
        yield Note(words, MOSAIC, "media")
    else:
        yield FollowMosaic()
        yield Notify("mosaic-shown", words)
    yield Tell()


def _fail(call: LiveCall, reason: str) -> Steps[None]:
    """Note that it cannot be had now: it is tried again after a pause."""
    mosaic = call.talk.room.mosaic
    pause_s = doubled_s(_AGAIN_S, _AGAIN_MOST_S, mosaic.tries)
    mosaic.tries, mosaic.rests, mosaic.begun = mosaic.tries + 1, True, False
    yield StopAlarm(_BEGIN)
    yield SetAlarm(pause_s, _AGAIN)
    yield from _withdraw(call, f"{reason}; it is tried again in {pause_s:.0f} s")


def _withdraw(call: LiveCall, why: str) -> Steps[None]:
    """Show the speaker to those who were to see it."""
    room = call.talk.room
    room.mosaic.plan, room.mosaic.shown = None, ()
    yield SetAlarm(_LEAVE_S, _LEAVE)
    if room.viewers_of(MOSAIC):
        yield FollowMosaic()
        yield from _tell_why_not(call, why)


def _tell_why_not(call: LiveCall, why: str) -> Steps[None]:
    call.talk.room.mosaic.reason = why
    yield Notify("mosaic-not-shown", f"the speaker is shown, and not a mosaic: {why}")
    yield Tell()


def _take_away(call: LiveCall) -> Steps[None]:
    mosaic = call.talk.room.mosaic
    mosaic.open = mosaic.begun = False
    yield StopAlarm(_LEAVE)
    yield SetMosaic(None)
