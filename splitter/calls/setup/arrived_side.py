"""The side that called, while the other one is called for it: one answer in each of its early dialogs."""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.actor import carry_out
from splitter.calls.call import Call
from splitter.calls.flows.answers import answer_offer, whole_offer
from splitter.calls.flows.early import early_answer, keeps_voice
from splitter.calls.leg_events import Offered
from splitter.calls.states import Direction
from splitter.calls.talk.media_commands import SettleVideo
from splitter.calls.video_lines import line_in_answer
from splitter.core.errors import LocalError, PeerError
from splitter.sdp.compare import Change, audio_change
from splitter.sdp.merge import caller_answer
from splitter.sdp.model import Media, Session
from splitter.sdp.offer_answer import answer_faults, check_answer
from splitter.sdp.split import Plan, audio_line, plan
from splitter.sdp.video import VideoFormat, refuse


class ArrivedSide:
    """The half of a call that is being set up which is there already: the caller, or the centre that calls outwards.

    Attributes:
        offer: its offer; None where it leaves that to us.
        plan: which m-lines of it are used; None before it has made an offer.
    """

    def __init__(self, call: Call, offer: Session | None, chosen: Plan | None) -> None:
        self.offer, self.plan = offer, chosen
        self._call, self._leg = call, call.arrived
        self._origin = call.origin(self._leg.flow.network, self._leg.flow.transport)
        self._video_line: Media | None = None
        self._video_decided, self._video_fault = False, ""
        self._moves = 0
        self._told: dict[str, Session] = {}  # what the other side said, as this one was told it, by its dialogs

    @property
    def offered(self) -> Session:
        """The offer. Raises LocalError where it leaves that to us."""
        if self.offer is None:
            raise LocalError("who called without an offer was answered")
        return self.offer

    @property
    def lines(self) -> Plan:
        """The m-lines of its offer that are used. Raises LocalError where it leaves that to us."""
        if self.plan is None:
            raise LocalError("who called without an offer was answered")
        return self.plan

    def moved(self) -> None:
        """The ports of the voice have changed."""
        self._moves += 1

    def dialog(self, branch: str) -> str:
        """The early dialog that stands for a branch of those who are called.

        One offer has one answer in a dialog (RFC 3261 §13.2.1), so after a worker's death, which moved our ports, the
        answer comes under another To tag, as if another branch had given it.
        """
        return f"{branch} {self._moves}" if self._moves else branch

    async def answer(self, said: Session, dialog: str) -> Session:
        """Our answer in one of its dialogs.

        What a provisional response said in this dialog is said again, word for word (RFC 3261 §13.2.1); what has
        changed since is offered once the call is answered.
        """
        call, offer = self._call, self.offered
        here, line = call.audio.local(call.talk.near), await self._decide_video()
        answer = caller_answer(offer, self.lines, said, here, line, self._origin)
        if line is not None and (fault := next(answer_faults(offer, answer), "")):
            # Should it be the picture that cannot be answered in order, then the voice is answered alone.
            call.note(f"answered without video: {fault}", self._leg.name, "alarm")
            self._video_line = None
            answer = caller_answer(offer, self.lines, said, here, None, self._origin)
        check_answer(offer, answer)
        previous = self._leg.early_sessions.get(dialog)
        if previous is not None and _audio_differs(self._told[dialog], said):
            call.live.owe(self._leg)
        self._told[dialog] = said
        return previous or answer

    def take_video(self, answer: Session | None, relearn: bool) -> None:
        """Carry the picture out once the voice has its answer; `relearn`: see `Video.carry_out`."""
        if answer is not None and self.plan is not None and self.offer is not None and self._is_caller:
            carry_out(self._call, SettleVideo("caller", self.offer, answer, self.plan.video, relearn))

    def take_offer(self, event: Offered) -> bool:
        """Answer an offer in UPDATE or PRACK by ourselves; False where nobody waits for that any more.

        Raises:
            PeerError: see `early_answer`.
        """
        call, leg, before = self._call, self._leg, self.offer
        event = carry_out(call, whole_offer(leg, event))
        offer = event.offer
        if before is None or leg.terms.local is None:
            raise PeerError("no answer was given yet", 500)
        chosen, old = plan(offer, self.lines, call.audio.local(call.talk.near).host), self.lines.audio
        lines = {i: refuse(media) for i, media in enumerate(offer.media) if media.kind == "video"}
        if self._video_line is not None and chosen.video is not None and chosen.video_format is not None:
            line = self._line_in_answer(offer, chosen.video, chosen.video_format)
            lines |= {chosen.video: line} if line is not None else {}
        binding = leg.must_answer(event.txn)
        ours = leg.terms.local.media[audio_line(leg.terms.local)]
        kept = keeps_voice(before.media[old], ours, offer.media[chosen.audio])
        answer = early_answer(leg, before, old, offer, chosen.audio, lines, binding=binding)
        if not carry_out(call, answer_offer(leg, event, answer)):
            return False
        call.note("offer absorbed before the answer", leg.name)
        if not kept:
            call.live.owe(leg)  # hears what the other side uses when the call is answered
        self.offer, self.plan = offer, chosen if self._is_caller else Plan(audio=chosen.audio)
        if self._is_caller:
            refused = self._video_fault if chosen.video is not None else ""
            call.talk.plan = replace(chosen, video_fault=chosen.video_fault or refused)
            carry_out(call, SettleVideo("caller", offer, answer, chosen.video))
        return True

    @property
    def _is_caller(self) -> bool:
        """Video is the caller's alone: the centre speaks voice."""
        return self._call.talk.direction is Direction.IN

    async def _decide_video(self) -> Media | None:
        """Our video line; decided once, for the 200 must say what the 18x said (RFC 3261 §13.2.1)."""
        call = self._call
        if not self._video_decided and self._is_caller:
            self._video_decided = True
            index, wanted = self.lines.video, self.lines.video_format
            if index is None or wanted is None:
                return None
            if await call.video.ready():
                self._video_line = self._line_in_answer(self.offered, index, wanted)
            elif call.talk.plan is not None:
                self._video_fault = call.talk.room.lack.words
                call.talk.plan = replace(call.talk.plan, video_fault=self._video_fault)
                call.note(f"its video is refused: {self._video_fault}", self._leg.name)
        return self._video_line

    def _line_in_answer(self, offer: Session, index: int, wanted: VideoFormat) -> Media | None:
        call = self._call
        return line_in_answer(call.talk.room, "caller", offer, index, wanted, call.live.settings.bitrate_kbps)


def _audio_differs(old: Session, new: Session) -> bool:
    one, other = old.media[audio_line(old)], new.media[audio_line(new)]
    return audio_change(one, other, old, new) is Change.MATERIAL
