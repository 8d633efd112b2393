"""A phone on its way into the call: its ports, its INVITE, its ringing and its answer. The two who talk do not need it.

Pure.
"""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.events import PhonePlaced, TimeUp, VoiceAdded
from splitter.calls.flows.mixing import drop_phone
from splitter.calls.flows.phone_video import (
    give_up_video,
    line_for,
    seek_place,
    settle_picture,
)
from splitter.calls.leg_events import Answered, Rang, Refused
from splitter.calls.states import PhoneOutcome, PhonePart, PhoneState, VideoState
from splitter.calls.talk.commands import (
    MakeOrigin,
    Note,
    Notify,
    SetAlarm,
    Steps,
    Tell,
)
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.media_commands import AddVoice, OpenVoice, RemoveVoice
from splitter.calls.talk.phone_commands import (
    DialPhone,
    FoundWay,
    GiveUpInvite,
    KeepPhone,
    NoWay,
    SeekNextWay,
)
from splitter.calls.talk.phones import Phone
from splitter.calls.talk.voice import AddedVoice
from splitter.core.errors import PeerError
from splitter.sdp.align import without_foreign_video
from splitter.sdp.mixed import phone_offer, usable_answer
from splitter.sdp.offer_answer import check_peer_answer
from splitter.sdp.split import audio_line

RING_LIMIT_S = 60.0
_JOIN_LIMIT_S = 15.0  # from its answer until all are connected
_BUSY = frozenset({486, 600})
_NOT_THERE = frozenset({404, 410, 484, 485, 500, 502, 503, 504, 604})
_NO_ANSWER = frozenset({408, 480, 487})
_VIDEO_UNKNOWN = frozenset({415, 488, 606})  # the voice alone may be taken


def prepare_call(call: LiveCall, phone: Phone, way: FoundWay) -> Steps[None]:
    """Ports first: our INVITE names them."""
    phone.trunk, phone.network, phone.transport, phone.extension = way.trunk, way.network, way.transport, way.centre
    call.talk.voice.added[phone.name] = AddedVoice(way.network)
    if phone.video is VideoState.ASKING:
        yield from seek_place(call, phone)
    yield SetAlarm(RING_LIMIT_S, Alarm(AlarmKind.PHONE, phone.name))  # whatever goes wrong, it does not wait for ever
    if call.abilities.mixes:
        yield AddVoice(phone.name)
    else:  # such as rtpengine: the two get other ports, at an engine that can
        yield Note("the voice moves to an engine that mixes", phone.name, "media")
        yield OpenVoice()


def on_voice_added(call: LiveCall, event: VoiceAdded) -> Steps[None]:
    """A phone has its ports, and is called; or there are none."""
    phone, voice, handle = call.pending.calling.get(event.name), call.talk.voice, event.handle
    ours = voice.relay is not None and voice.relay.relay_id == event.relay_id
    if handle is not None and ours and not voice.note_added(event.name, handle):
        yield RemoveVoice(handle.number)  # it was given up meanwhile
    elif phone is None or phone.leg or (voice.relay is not None and not ours and event.relay_id):
        return  # that relay is gone, and the next one has ports for it
    elif handle is not None and ours:
        yield from _dial(call, phone)
    elif voice.relay is not None:
        yield from drop_phone(call, phone, PhoneOutcome.NO_MEDIA, f"no media for its voice: {event.fault}", bye=False)


def on_relay(call: LiveCall) -> Steps[None]:
    """Another relay is there: whoever waited for ports has them, and who was told the old ones is owed an offer."""
    for phone in tuple(call.pending.calling.values()):
        if not phone.leg:
            yield from _dial(call, phone)
    call.owe(*call.phones.values())


def on_relay_again(call: LiveCall) -> Steps[None]:
    """The same relay is there again: who had no ports in it yet is still to get them."""
    for name, voice in tuple(call.talk.voice.added.items()):
        if voice.number < 0:
            yield AddVoice(name)


def on_phone_placed(call: LiveCall, event: PhonePlaced) -> Steps[None]:
    """A phone has its place in the room, or goes without a picture."""
    phone = call.pending.calling.get(event.name) or call.talk.phones.get(event.name)
    if phone is None or event.name not in call.pending.placing:
        return
    call.pending.placing.discard(event.name)
    if event.lack is not None:
        yield from give_up_video(call, phone, event.lack.words)
    if phone.name in call.pending.calling and not phone.leg and call.talk.voice.number(phone.name) >= 0:
        yield from _dial(call, phone)


def _dial(call: LiveCall, phone: Phone) -> Steps[None]:
    if phone.name in call.pending.placing:
        return  # its INVITE names the ports of its picture
    if phone.extension and phone.video is VideoState.ASKING:  # the next way to it leads to the centre
        yield from seek_place(call, phone)
    origin = yield from MakeOrigin(phone.network, phone.transport)
    offer = phone_offer(call.talk.voice.ours(phone.name), origin)
    try:
        if phone.video is VideoState.ASKING:
            offer = replace(offer, media=(*offer.media, line_for(call, phone, len(offer.media))))
        phone.leg = yield from DialPhone(phone.name, offer)
    except PeerError as error:
        yield from drop_phone(call, phone, PhoneOutcome.UNREACHABLE, error.reason, bye=False)
        return
    yield Note(f"calling {phone.number} by {phone.trunk}", phone.name)
    yield SetAlarm(RING_LIMIT_S, Alarm(AlarmKind.PHONE, phone.name))


def on_rang(call: LiveCall, event: Rang) -> Steps[None]:
    """Show that a phone rings."""
    phone = call.phone_of(call.leg_of(event))
    if phone is not None and phone.state is PhoneState.CALLING and event.response.status != 199:
        phone.state = PhoneState.RINGING
        yield Notify("phone-rings", f"{phone.number} rings", phone.name)
        yield Tell()


def on_refused(call: LiveCall, event: Refused) -> Steps[None]:
    """Try the next way to a phone that does not come this way, where that makes sense."""
    leg = call.leg_of(event)
    if (phone := call.pending.calling.get(leg.name)) is None or phone.leg != leg.key:
        return
    yield Note(f"{phone.trunk} refused: {event.status} {event.reason}", phone.name)
    if event.status in _VIDEO_UNKNOWN and phone.video is VideoState.ASKING:
        yield from give_up_video(call, phone, f"it is not taken there: {event.status} {event.reason}"[:200])
        phone.leg, phone.state = "", PhoneState.CALLING
        yield from _dial(call, phone)
        return
    way = yield from SeekNextWay(phone.name, event.status, event.response)
    if isinstance(way, NoWay):
        reason = f"{phone.number} did not answer: {event.status} {event.reason}"
        yield from drop_phone(call, phone, _outcome(event.status), reason, bye=False)
        return
    phone.leg, phone.state = "", PhoneState.CALLING
    if way.network == phone.network:
        phone.trunk, phone.transport, phone.extension = way.trunk, way.transport, way.centre
        yield from _dial(call, phone)
        return
    yield RemoveVoice(call.talk.voice.number(phone.name))
    yield from prepare_call(call, phone, way)


def _outcome(status: int) -> PhoneOutcome:
    if status in _BUSY:
        return PhoneOutcome.BUSY
    if status in _NO_ANSWER:
        return PhoneOutcome.NO_ANSWER
    if status == 488:
        return PhoneOutcome.NO_CODEC
    return PhoneOutcome.UNREACHABLE if status in _NOT_THERE else PhoneOutcome.REFUSED


def on_phone_late(call: LiveCall, event: TimeUp) -> Steps[None]:
    """Give up a phone that rings for too long, or has answered and does not get connected."""
    name = event.alarm.subject
    if (phone := call.pending.calling.get(name)) is not None:
        yield GiveUpInvite(name)
        words = f"{phone.number} did not answer in {RING_LIMIT_S:.0f} s"
        yield from drop_phone(call, phone, PhoneOutcome.NO_ANSWER, words, bye=False)
    elif (phone := call.talk.phones.get(name)) is not None and phone.state is PhoneState.JOINING:
        yield from drop_phone(call, phone, PhoneOutcome.NO_MEDIA, "its voice could not be connected in time")


def on_answered(call: LiveCall, event: Answered) -> Steps[None]:
    """Take in a phone that answers: it belongs to the call from now on; `mixing.advance` connects it."""
    leg, session = call.leg_of(event), event.session
    if (phone := call.pending.calling.get(leg.name)) is None or phone.leg != leg.key:
        return
    try:
        if session is None:
            raise PeerError("it answered without a session description", 488)
        session = without_foreign_video(leg.terms.ours, session)
        check_peer_answer(leg.terms.ours, session)
        usable_answer(leg.terms.ours, session, call.abilities.can_mix)
    except PeerError as error:
        yield from drop_phone(call, phone, PhoneOutcome.NO_CODEC, error.reason)
        return
    del call.pending.calling[phone.name]
    phone.state = PhoneState.JOINING
    leg.terms.note_remote(session)
    call.talk.phones[phone.name], call.talk.legs[phone.name] = phone, leg.record
    call.talk.exchange.wishes[phone.name] = session.flow_of(audio_line(session))
    yield KeepPhone(phone.name)
    yield SetAlarm(_JOIN_LIMIT_S, Alarm(AlarmKind.PHONE, phone.name))
    yield from settle_picture(call, leg, session)
    if _moved(call, leg):
        call.owe(leg)
    if phone.extension and phone.part is PhonePart.TALKS:
        call.talk.admitted.add(phone.number)  # whose desk may see what it talks about; a supervisor's looks on
    yield Notify("phone-answered", f"{phone.number} has answered", phone.name, phone.number if phone.extension else "")
    yield Tell()


def _moved(call: LiveCall, leg: LegFacts) -> bool:
    """True where a phone was told other ports than it has: they have moved while it rang."""
    room, ours = call.talk.room, leg.terms.ours.media
    pictures = [one.port for one in ours if one.kind == "video" and one.port]
    here = room.ours(leg.name)
    return ours[0].port != call.talk.voice.ours(leg.name).rtp_port or (
        bool(pictures) and here is not None and pictures != [here.rtp_port]
    )
