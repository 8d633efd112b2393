"""The picture of a phone that was invited: its place in the room, its line in offers and answers. Voice first.

Such a phone is a party of the room besides being a voice: all others can see it, the caller by choice alone. It is
shown the caller, or what is chosen for it. The centre is never asked: what stands here about its leg concerns a phone
from outside that has taken the place of the agent. Pure.
"""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.asks import Desk
from splitter.calls.flows.belonging import rank_newcomer
from splitter.calls.flows.seats import admit_party, forget_party
from splitter.calls.parties import Party
from splitter.calls.states import Lack, PartyKind, PartyState, Side, VideoState
from splitter.calls.talk.commands import JudgeLoad, Notify, Steps, StopAlarm, Tell
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.media_commands import PlacePhone, RemoveParticipant, SettleVideo
from splitter.calls.talk.phones import Phone
from splitter.calls.video_lines import line_in_answer, line_in_offer, video_index
from splitter.core.errors import PeerError
from splitter.sdp.model import Media, Session
from splitter.sdp.upgrade import dropped, new_line, without_refused
from splitter.sdp.video import choose_video, offer_video, video_fault

_DECLINED = "the phone has declined video"


# ---- its place ----


def seek_place(call: LiveCall, phone: Phone) -> Steps[None]:
    """Ask for the place in the room of a phone whose picture is wanted; whatever forbids that costs the picture."""
    if phone.extension:
        yield from give_up_video(call, phone, "the centre is called by voice alone")
    elif call.talk.parties.full(PartyKind.PHONE):
        yield from give_up_video(call, phone, "as many as can be are in the picture")
    elif not call.talk.parties.may_open(PartyKind.PHONE, call.now):
        yield from give_up_video(call, phone, "clients of this call join and leave too often")
    elif fault := (yield from JudgeLoad()):
        yield from give_up_video(call, phone, fault)
    else:
        call.pending.placing.add(phone.name)
        rank_newcomer(call, phone.name, PartyKind.PHONE, Desk(""))
        yield PlacePhone(phone.name, phone.network)


def give_up_video(call: LiveCall, phone: Phone, reason: str) -> Steps[None]:
    """A phone has no picture, for this reason; its voice is not concerned."""
    yield from forget_picture(call, phone.name)
    phone.video, phone.video_reason = VideoState.OFF, reason
    yield Notify("phone-video-off", f"{phone.number} has no picture: {reason}", phone.name)
    yield Tell()


def forget_picture(call: LiveCall, name: str) -> Steps[None]:
    """The place of a phone in the room, and what is asked about its picture, is gone."""
    asked = call.pending.asked_phones.pop(name, None)
    if asked is not None:
        yield StopAlarm(Alarm(AlarmKind.PHONE_VIDEO, name))
    room, placing = call.talk.room, name in call.pending.placing
    call.pending.placing.discard(name)
    if call.talk.parties.get(name) is not None:
        yield from forget_party(call, name)
    elif placing or name in room.members or name in room.homeless:
        room.forget_rank(name)
        yield RemoveParticipant(name)


# ---- its line ----


def line_for(call: LiveCall, phone: Phone, index: int, leg: LegFacts | None = None) -> Media:
    """Our line for the picture of a phone, in an offer. Raises PeerError where it has no place, or no number."""
    here = call.talk.room.ours(phone.name)
    if here is None:
        raise PeerError(Lack.MEDIA.words, 503)
    if phone.line is not None and phone.line[0] == index:
        return offer_video(phone.line[1], here)
    histories = (leg.terms.history, leg.terms.heard) if leg is not None else ()
    line = new_line(index, here, call.settings.bitrate_kbps, *histories)
    phone.line = index, line
    return line


def with_picture(call: LiveCall, leg: LegFacts, session: Session) -> Session:
    """An offer of ours to a leg, with its picture as it stands; the same where it has none."""
    index = video_index(leg.terms.ours)
    if leg.name == Side.CALLER or index is None or index >= len(session.media):
        return session
    if (line := line_in_offer(call.talk.room, leg.name, leg.terms.ours.media[index])) is None:
        return session
    return replace(session, media=(*session.media[:index], line, *session.media[index + 1 :]))


def picture_lines(call: LiveCall, leg: LegFacts, offer: Session) -> dict[int, Media]:
    """Our line in answer to the picture that a phone offers, by its index; nothing where it has no place."""
    here, phone = call.talk.room.ours(leg.name), call.talk.phones.get(leg.name)
    if here is None or leg.name == Side.CALLER or (phone is not None and phone.video is VideoState.DROPPING):
        return {}
    for index, media in enumerate(offer.media):
        wanted = choose_video(media, offer.attributes)
        if wanted is None or offer.address_fault(index, here.host):
            continue
        line = line_in_answer(call.talk.room, leg.name, offer, index, wanted, call.settings.bitrate_kbps)
        return {index: line} if line is not None else {}
    return {}


# ---- what was agreed ----


def settle_picture(call: LiveCall, leg: LegFacts, session: Session) -> Steps[None]:
    """A phone's description counts from now on, together with ours: its picture is carried out, or is over."""
    name, terms, phone = leg.name, leg.terms, call.talk.phones.get(leg.name)
    party, asked = call.talk.parties.get(name), call.pending.asked_phones.get(name)
    if name == Side.CALLER or name in call.talk.seats or (asked is not None and asked.open):
        return  # a question that is open has its own end
    if party is None and (phone is None or phone.video is VideoState.OFF):
        return
    if terms.local is not None:
        terms.local = without_refused(terms.local, session)
    index = video_index(terms.local)
    line = session.media[index] if index is not None and index < len(session.media) else None
    if asked is not None and (line is None or not line.port or choose_video(line, session.attributes) is None):
        return  # it is still to be asked
    if phone is not None and phone.video is VideoState.DROPPING:
        if index is None:
            phone.video = VideoState.OFF
            yield Tell()
    elif index is None or line is None or not line.port:
        yield from _picture_over(call, name, phone, _DECLINED if party is None else "the phone has turned video off")
    elif choose_video(line, session.attributes) is None:
        yield from _picture_over(call, name, phone, f"the phone's video cannot be used: {video_fault(line)}")
        tell_off(call, leg)
    else:
        yield from _take_picture(call, leg, phone, session, index)


def _take_picture(call: LiveCall, leg: LegFacts, phone: Phone | None, session: Session, index: int) -> Steps[None]:
    name = leg.name
    if call.pending.asked_phones.pop(name, None) is not None:  # its own offer brings what it was to be asked for
        yield StopAlarm(Alarm(AlarmKind.PHONE_VIDEO, name))
    if call.talk.parties.get(name) is None and phone is not None:
        party = Party(name, PartyKind.PHONE, Desk(""), PartyState.CONNECTED, placed=True, met=True)
        yield from admit_party(call, party)
        phone.video, phone.video_reason = VideoState.ON, ""
        yield Notify("phone-video-on", f"{phone.number} is in the picture as {name}", name)
        yield Tell()
    yield SettleVideo(name, session, leg.terms.ours, index)


def _picture_over(call: LiveCall, name: str, phone: Phone | None, reason: str) -> Steps[None]:
    if phone is not None:
        yield from give_up_video(call, phone, reason)
    else:
        yield from forget_picture(call, name)
        yield Notify("phone-video-off", f"{name} has no picture: {reason}", name)
        yield Tell()


def drop_video(call: LiveCall, leg: LegFacts, phone: Phone) -> Steps[None]:
    """End the picture of a phone; it is told so by an offer of ours."""
    yield from forget_picture(call, phone.name)
    phone.video, phone.video_reason = VideoState.DROPPING, ""
    tell_off(call, leg)
    yield Notify("phone-video-off", f"{phone.number} goes back to voice", phone.name)
    yield Tell()


def tell_off(call: LiveCall, leg: LegFacts) -> None:
    """Let a phone be told that its picture is off."""
    leg.terms.local = dropped(leg.terms.ours)
    call.owe(leg)
