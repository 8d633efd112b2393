"""The voices of a call with three or more: who is connected to whom, and what each speaks. Pure.

`advance` does the next thing that is missing, after every event, until all are connected:

    the two speak what can be mixed  ─▶  both are pointed with it  ─▶  who hears whom  ─▶  the phones are pointed

A phone is pointed last: with it the engine begins to mix, and until then the two that talk are copied as before.
"""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.events import HearingSet
from splitter.calls.flows.phone_video import forget_picture
from splitter.calls.states import Bridge, PhoneOutcome, PhonePart, PhoneState, Side
from splitter.calls.talk.commands import Note, Notify, SendBye, SetAlarm, Steps, StopAlarm, Tell
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.media_commands import PointVoice, RemoveVoice, SetHearing, SettleHearing
from splitter.calls.talk.phone_commands import ReleaseWay
from splitter.calls.talk.phones import Phone
from splitter.calls.talk.voice import remote_end
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.voice import Hearing, Hears
from splitter.sdp.mixed import agreed_format
from splitter.sdp.model import Session
from splitter.sdp.split import audio_line
from splitter.sdp.voice import VoiceFormat

_AGAIN_S = 1.0


def advance(call: LiveCall) -> Steps[None]:
    """Do the next thing that is missing for all voices to be connected as they should be."""
    voice = call.talk.voice
    if not call.talk.phones and not voice.hearing:
        return
    if voice.relay is None:
        return  # it is moving; afterwards this begins anew
    if call.talk.bridge is Bridge.MIX and not (yield from _is_mixable(call)):
        return
    hearing = hearing_of(call)
    if voice.hearing != hearing:
        yield SetHearing(hearing)
    if voice.set_hearing != hearing:
        return
    for phone in tuple(call.talk.phones.values()):
        yield from _connect(call, phone)


def _is_mixable(call: LiveCall) -> Steps[bool]:
    """Tell whether both that talk speak what can be mixed, and the engine knows; what is missing is asked for."""
    ready = True
    for side in Side:
        leg = call.voice(side)
        if leg is None or leg.terms.local is None or leg.terms.remote is None:
            return False
        exchange = call.talk.exchange
        if not _speaks(call, leg):
            ready = False
            if exchange.refused.get(leg.name) or exchange.unusable.get(leg.name):
                yield from _give_up(call, leg)
                return False
            if leg.name not in exchange.to_mix:  # once: what is refused for a moment is offered again by itself
                exchange.to_mix.append(leg.name)
                call.owe(leg)
            continue
        if leg.name in exchange.to_mix:
            exchange.to_mix.remove(leg.name)
        wanted = end_of(call, leg)
        if call.talk.voice.wish(side) != wanted:
            yield PointVoice(side, wanted)
        ready = ready and call.talk.voice.points_to(side) == wanted
    return ready


def _give_up(call: LiveCall, leg: LegFacts) -> Steps[None]:
    """A side takes no codec that can be mixed: those who wait for that are let go, the two talk on."""
    words = f"the {leg.name} speaks nothing that can be mixed, and takes no G.711"
    yield StopAlarm(Alarm(AlarmKind.OFFER_AGAIN, leg.name))
    for phone in tuple(call.talk.phones.values()):
        yield from drop_phone(call, phone, PhoneOutcome.NO_CODEC, words)


def _connect(call: LiveCall, phone: Phone) -> Steps[None]:
    leg = call.phones[phone.name]
    wanted, voice = end_of(call, leg), call.talk.voice
    if voice.number(phone.name) < 0:
        return
    if voice.wish(phone.name) != wanted:
        yield PointVoice(phone.name, wanted)
    if phone.state is PhoneState.JOINING and voice.points_to(phone.name) == wanted:
        phone.state = PhoneState.JOINED
        yield Notify("phone-joined", f"{phone.number} is in the call as {phone.name}", phone.name)
        yield Tell()


def on_hearing(call: LiveCall, event: HearingSet) -> Steps[None]:
    """Take in what became of who hears whom."""
    if not (yield from SettleHearing(event)):
        yield Note(f"the voices cannot be connected as they should be: {event.fault}", kind="alarm")
        yield SetAlarm(_AGAIN_S, Alarm(AlarmKind.POINT_VOICE))


def drop_phone(call: LiveCall, phone: Phone, outcome: PhoneOutcome, reason: str, bye: bool = True) -> Steps[None]:
    """A phone is not in the call any more, or never came; the others go on.

    Args:
        bye: its dialog is to be ended; False where it has ended it.
    """
    leg = call.legs.get(phone.leg)
    call.pending.calling.pop(phone.name, None)
    call.talk.forget_phone(phone, outcome, reason)
    if leg is not None:
        if bye:
            yield SendBye(leg.key)
        call.talk.remember(leg.record)
    yield from forget_voice(call, phone.name)
    yield from forget_picture(call, phone.name)
    yield StopAlarm(Alarm(AlarmKind.PHONE, phone.name))
    yield ReleaseWay(phone.name)
    yield Notify("phone-left", f"{phone.name} ({phone.number}): {reason}", phone.name)
    yield Tell()
    if not call.talk.phones:
        to_pair(call)


def forget_voice(call: LiveCall, name: str) -> Steps[None]:
    """A phone's side of the voice, and what is owed to its leg, is gone."""
    call.talk.legs.pop(name, None)
    yield from forget_debts(call, name)
    if (side := call.talk.voice.added.pop(name, None)) is not None:
        yield RemoveVoice(side.number)


def forget_debts(call: LiveCall, name: str) -> Steps[None]:
    """Nothing is owed to the leg of this name any more."""
    exchange = call.talk.exchange
    for known in (exchange.wishes, exchange.told, exchange.refused, exchange.unusable):
        known.pop(name, None)
    for owed in (exchange.owed, exchange.to_mix):
        if name in owed:
            owed.remove(name)
    yield StopAlarm(Alarm(AlarmKind.OFFER_AGAIN, name))


def to_pair(call: LiveCall) -> None:
    """Two are left, who negotiate with each other again; only what they speak may have to be told."""
    call.talk.muted.clear()
    call.talk.exchange.to_mix.clear()
    caller, centre = call.voice(Side.CALLER), call.voice(Side.CENTRE)
    if caller is None or centre is None:
        return
    one, other = spoken(call, caller), spoken(call, centre)
    if one is None or other is None or _on_the_wire(one) != _on_the_wire(other):
        call.owe(caller)


def _on_the_wire(format: VoiceFormat) -> tuple[str, int, int, int]:
    """The values that must be equal for one to understand the other: packets then go through as they are."""
    return format.encoding, format.payload_type, format.clock_rate, format.channels


# ---- what each speaks, and hears ----


def audio_index(call: LiveCall, leg: LegFacts, session: Session) -> int:
    """The index of the voice in a description of a leg."""
    return call.talk.lines.audio if leg.key == call.talk.caller else audio_line(session)


def spoken(call: LiveCall, leg: LegFacts) -> VoiceFormat | None:
    """The format that a leg has agreed to speak."""
    local, remote = leg.terms.local, leg.terms.remote
    if local is None or remote is None:
        return None
    ours, theirs = local.media[audio_index(call, leg, local)], remote.media[audio_index(call, leg, remote)]
    return agreed_format(ours, theirs, theirs if leg.terms.local_is_offer else ours)


def _speaks(call: LiveCall, leg: LegFacts) -> bool:
    found = spoken(call, leg)
    return found is not None and call.abilities.can_mix(found)


def end_of(call: LiveCall, leg: LegFacts) -> RemoteEnd | None:
    """The end to which a voice is to point in a mix, with what it speaks."""
    remote = leg.terms.theirs
    end = remote_end(remote, audio_index(call, leg, remote), leg.trunk.sources)
    return replace(end, voice=spoken(call, leg)) if end is not None else None


def hearing_of(call: LiveCall) -> Hearing:
    """The rules of who is to hear whom; () where everybody hears everybody."""
    talk, voice = call.talk, call.talk.voice
    if talk.bridge is Bridge.PAIR:
        return ()
    names = [name for name in voice.names if voice.number(name) >= 0 and (name in talk.phones or name in _TWO)]
    heard = {
        ear: frozenset(voice.number(name) for name in names if name != ear and _is_heard(call, name, ear))
        for ear in names
    }
    if all(len(voices) == len(names) - 1 for voices in heard.values()):
        return ()
    return tuple(Hears(voice.number(ear), voices) for ear, voices in heard.items())


_TWO = frozenset(side.value for side in Side)


def _is_heard(call: LiveCall, name: str, ear: str) -> bool:
    """Tell whether one voice is heard by another: nobody hears who is muted, holds (and plays music) or listens."""
    talk, leg = call.talk, call.voice(name)
    wish = talk.exchange.wishes.get(leg.name, "sendrecv") if leg is not None else "inactive"
    if name in talk.muted or wish != "sendrecv":
        return False
    phone = talk.phones.get(name)
    if phone is None or phone.part is PhonePart.TALKS:
        return True
    return phone.part is PhonePart.WHISPERS and ear == Side.CENTRE
