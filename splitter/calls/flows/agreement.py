"""What both sides of an answered call agreed on: how it is put into offers of ours, and how it is carried out.

The flow `reoffer` decides who is asked what; here is what they are asked about: the direction that each side wants
for its voice, our present ports, and where media go. Pure.
"""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.flows.mixing import end_of
from splitter.calls.flows.phone_video import settle_picture, with_picture
from splitter.calls.states import Bridge, Side
from splitter.calls.talk.commands import Note, SetAlarm, Steps, Tell
from splitter.calls.talk.legs import LegFacts
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.media_commands import PointVoice, PrepareRoom, SettleVideo
from splitter.calls.talk.room import PATIENCE_S
from splitter.calls.talk.voice import remote_end
from splitter.calls.video_lines import line_in_answer, line_in_offer, video_index
from splitter.sdp.merge import caller_offer, standing_offer, with_audio_at, without_rebound
from splitter.sdp.mixed import mixable
from splitter.sdp.model import Media, Session
from splitter.sdp.offer_answer import answer_direction
from splitter.sdp.split import Plan, audio_line
from splitter.sdp.upgrade import dropped, without_refused
from splitter.sdp.video import refuse

_AWAITED = 16  # names of what has waited; more do not wait at a time


class Agreement:
    """The session between caller and centre, and the seats' video."""

    def __init__(self, call: LiveCall) -> None:
        self._call = call

    def begin(self) -> None:
        """The call was answered: what each side wants is what it has said."""
        for leg, index in self._voices():
            terms = leg.terms
            if terms.remote is None:
                continue
            said = terms.remote.flow_of(index)
            if terms.local_is_offer and terms.local is not None:
                said = wish_after(terms.local.direction_of(self._index(leg, terms.local)), said, "sendrecv")
            self.wishes[leg.name] = said

    @property
    def wishes(self) -> dict[str, str]:
        """The direction that each side wants for its voice, by leg."""
        return self._call.talk.exchange.wishes

    @property
    def refuses_video(self) -> bool:
        """The caller's video is being dropped: what it offers meanwhile is answered with port 0."""
        return self._call.talk.video.refused

    # ---- as offers of ours ----

    def present_offer(self, leg: LegFacts) -> Session:
        """Offer a side what is negotiated with it, at our present ports; the o= line is still the last one."""
        call = self._call
        if call.talk.bridge is Bridge.MIX and leg in (call.caller, call.centre):
            return self._offer_in_mix(leg)
        if leg is call.centre:
            session = self.standing(leg, self.agreed(leg))
            return with_picture(
                call, leg, with_audio_at(session, audio_line(session), call.talk.voice.ours(Side.CENTRE))
            )
        if leg is call.caller and call.centre is not None and call.centre.terms.remote is not None:
            session = self.offer_to_caller(call.centre.terms.remote, self.agreed(leg))
            return self.with_video(leg, session, call.talk.lines.video)
        if leg.name in call.talk.phones:
            session = standing_offer(leg.terms.ours, leg.terms.ours.origin)
            return with_picture(call, leg, with_audio_at(session, audio_line(session), call.talk.voice.ours(leg.name)))
        return self.with_video(leg, standing_offer(leg.terms.ours, leg.terms.ours.origin), video_index(leg.terms.ours))

    def _offer_in_mix(self, leg: LegFacts) -> Session:
        """A description of what the mixer speaks, whatever the other side does."""
        call = self._call
        session = self.standing(leg, self.agreed(leg))
        index, here = self._index(leg, session), call.talk.voice.ours(call.voice_name(leg))
        session = mixable(session, index, leg.terms.history, here, call.abilities.can_mix)
        session = with_audio_at(session, index, here)
        if leg is call.caller:
            return self.with_video(leg, session, call.talk.lines.video)
        return with_picture(call, leg, session)

    def standing(self, leg: LegFacts, direction: str) -> Session:
        """The state of the caller's or the centre's leg as an offer of ours, its voice in this direction."""
        session = standing_offer(leg.terms.ours, leg.terms.ours.origin)
        index = self._index(leg, session)
        lines = list(session.media)
        lines[index] = lines[index].with_direction(direction)
        return replace(session, media=tuple(lines))

    def asked_for(self, leg: LegFacts) -> Session:
        """Our offer to a side that asked for one: what the other side wants, whatever this one said before.

        A peer that holds the call and then asks for an offer (RFC 3261 §14.2) may want to end the hold: were we to
        offer what it had left us, it never could (RFC 6337 §5.1, §5.3). The same goes for a picture that it closed.
        """
        session = self.standing(leg, self.wish_for(leg))
        if self._call.talk.bridge is Bridge.MIX:
            here = self._call.talk.voice.ours(self._call.voice_name(leg))
            session = mixable(session, self._index(leg, session), leg.terms.history, here, self._call.abilities.can_mix)
        opened = (
            line.with_direction("sendrecv") if line.kind == "video" and line.port else line for line in session.media
        )
        return replace(session, media=tuple(opened))

    def wish_for(self, leg: LegFacts) -> str:
        """The direction that the other side wants for its talk with this one; in a mix we do, and want to hear it."""
        if self._call.talk.bridge is Bridge.MIX:
            return "sendrecv"
        return self.wishes[self._call.other_side(leg).name]

    def heed_answer(self, leg: LegFacts, answer: Session) -> Steps[None]:
        """Learn what a side wants from its answer to our offer; `unsettled` says who has to hear of it."""
        if leg not in (self._call.caller, self._call.centre) or leg.terms.local is None or self._call.talk.plan is None:
            return
        offered, given = (
            leg.terms.local.direction_of(self._index(leg, leg.terms.local)),
            answer.flow_of(self._index(leg, answer)),
        )
        before = self.wishes[leg.name]
        self.wishes[leg.name] = wish_after(offered, given, before)
        if self.wishes[leg.name] != before:
            yield Note(f"its answer wants another direction: {given}", leg.name)

    def unsettled(self) -> LegFacts | None:
        """The side that has to be told another direction than what stands on its leg; None where both have theirs.

        Each is told once: an offer that it refuses is repeated by `own_offers`. The centre comes first, for what it
        answers may be news to the caller.
        """
        call, told = self._call, self._call.talk.exchange.told
        caller, centre = call.caller, call.centre
        stands = self._what_stands(caller, centre)
        if stands == call.settled:
            return None
        for leg in (centre, caller):
            if leg is None or (local := leg.terms.local) is None or (remote := leg.terms.remote) is None:
                continue
            wanted, ours = self.agreed(leg), local.direction_of(self._index(leg, local))
            if wanted in (ours, answer_direction(remote.flow_of(self._index(leg, remote)), ours)):
                told.pop(leg.name, None)
            elif told.get(leg.name) != wanted:
                told[leg.name] = wanted
                return leg
        call.settled = stands
        return None

    def _what_stands(self, caller: LegFacts, centre: LegFacts | None) -> tuple[object, ...]:
        """All that `unsettled` depends on: as long as it is the same, nobody has to be told anything new."""
        talk, ours, its = self._call.talk, caller.terms, centre.terms if centre is not None else None
        wants = (talk.plan, bool(talk.phones), talk.exchange.wishes.copy(), talk.exchange.told.copy())
        return centre, ours.local, ours.remote, its and its.local, its and its.remote, *wants

    def agreed(self, leg: LegFacts) -> str:
        """The direction of an offer that is to change nothing: what both sides want."""
        return answer_direction(self.wishes[leg.name], self.wish_for(leg))

    def offer_to_caller(self, centre_sdp: Session, direction: str | None = None) -> Session:
        call = self._call
        here = call.talk.voice.ours(Side.CALLER)
        ours = call.caller.terms.ours
        offer = caller_offer(ours, call.talk.lines, centre_sdp, here, ours.origin, direction=direction)
        return without_rebound(offer, call.talk.lines.audio, call.caller.terms.history)

    def with_video(self, leg: LegFacts, session: Session, index: int | None) -> Session:
        if index is None or not session.media[index].port:
            return session
        line = line_in_offer(self._call.talk.room, leg.name, session.media[index])
        if line is None and self._call.talk.room.homeless:
            return session  # a new room is on its way; taken out now, the picture would not come back with it
        line = line or refuse(session.media[index])
        lines = (*session.media[:index], line, *session.media[index + 1 :])
        return replace(session, media=lines)

    # ---- carrying it out ----

    def settle_side(self, leg: LegFacts, session: Session) -> Steps[None]:
        """A peer's description counts from now on, together with ours."""
        call = self._call
        if leg is call.centre:
            yield from self.settle_centre(session)
        elif leg is call.caller:
            yield from self.settle_caller(session, leg.terms.ours, call.talk.lines)
        elif leg.name in call.talk.phones:
            leg.terms.note_remote(session)
            self.wishes[leg.name] = session.flow_of(audio_line(session))
            yield PointVoice(leg.name, end_of(call, leg))
            yield from settle_picture(call, leg, session)
        else:
            leg.terms.note_remote(session)
            yield SettleVideo(leg.name, session, leg.terms.ours, video_index(leg.terms.ours))

    def settle_caller(self, session: Session, ours: Session, chosen: Plan) -> Steps[None]:
        call = self._call
        if call.caller.terms.local is not None:
            ours_now = without_refused(call.caller.terms.local, session)
            call.caller.terms.local = dropped(ours_now) if self.refuses_video else ours_now
        if self.refuses_video:  # what was under way may have brought it once more
            chosen = replace(chosen, video=None, video_format=None)
        call.caller.terms.note_remote(session)
        call.talk.plan = chosen
        yield from self.point_side(Side.CALLER, session, chosen.audio)
        yield SettleVideo(Side.CALLER, session, ours, None if call.pending.question is not None else chosen.video)
        yield Tell()

    def settle_centre(self, session: Session) -> Steps[None]:
        leg = self._call.centre_leg
        leg.terms.note_remote(session)
        yield from self.point_side(Side.CENTRE, session, audio_line(session))
        yield from settle_picture(self._call, leg, session)

    def point_side(self, side: Side, session: Session, index: int) -> Steps[None]:
        call, end = self._call, remote_end(session, index, self._call.sources(side))
        leg = call.voice(side)
        if call.talk.bridge is Bridge.MIX and end is not None and leg is not None:
            end = end_of(call, leg)
        yield PointVoice(side, end)

    def video_line(self, offer: Session, chosen: Plan) -> Media | None:
        if chosen.video is None or chosen.video_format is None or self.refuses_video:
            return None
        room, bitrate_kbps = self._call.talk.room, self._call.settings.bitrate_kbps
        return line_in_answer(room, Side.CALLER, offer, chosen.video, chosen.video_format, bitrate_kbps)

    def awaits_room(self, about: str) -> Steps[bool]:
        """True while it is worth waiting for the caller's place in the room, which is asked for; for a moment only.

        Args:
            about: names what waits for it; each may wait once.
        """
        call, pending = self._call, self._call.pending
        if Side.CALLER in call.talk.room.members:
            return False
        if about not in pending.awaited:
            pending.awaited = (*pending.awaited, about)[-_AWAITED:]
            pending.patient = True
            yield PrepareRoom(call.caller.flow.network)
            yield SetAlarm(PATIENCE_S, Alarm(AlarmKind.ROOM))
        return pending.patient and pending.room

    def on_room_late(self) -> Steps[None]:
        """The room takes too long: what waits for it goes on without."""
        patient, self._call.pending.patient = self._call.pending.patient, False
        if patient and self._call.pending.room:
            yield Note("the video room is not ready in time: the call goes on without a picture", kind="media")

    def _index(self, leg: LegFacts, session: Session) -> int:
        """Of the voice in a description of the caller's or the centre's leg."""
        return self._call.talk.lines.audio if leg is self._call.caller else audio_line(session)

    def _voices(self) -> list[tuple[LegFacts, int]]:
        """The caller and the centre, each with the index of the audio in what it said."""
        call, centre = self._call, self._call.centre_leg
        return [(call.caller, call.talk.lines.audio), (centre, audio_line(centre.terms.theirs))]


def wish_after(offered: str, given: str, before: str) -> str:
    """The direction that a side wants for its voice, by its answer.

    Where the offer left no choice (it is held, so it cannot but receive), the wish is what it was.

    Args:
        offered: the direction of our offer. given: that of its answer. before: what it wanted so far.
    """
    sends = _sends(given if _receives(offered) else before)
    receives = _receives(given if _sends(offered) else before)
    wishes = {(True, True): "sendrecv", (True, False): "sendonly", (False, True): "recvonly"}
    return wishes.get((sends, receives), "inactive")


def _sends(direction: str) -> bool:
    return direction in ("sendrecv", "sendonly")


def _receives(direction: str) -> bool:
    return direction in ("sendrecv", "recvonly")
