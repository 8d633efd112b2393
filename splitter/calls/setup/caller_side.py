"""What the caller offers and is told while the centre is called: one answer in each of its early dialogs."""

from __future__ import annotations

from splitter.calls.actor import carry_out
from splitter.calls.call import Call
from splitter.calls.events import Offered
from splitter.calls.flows.early import early_answer, keeps_voice
from splitter.calls.talk.media_commands import SettleVideo
from splitter.calls.talk.voice import CALLER
from splitter.calls.video_lines import line_in_answer
from splitter.core.errors import LocalError, PeerError
from splitter.sdp.compare import Change, audio_change
from splitter.sdp.merge import caller_answer
from splitter.sdp.model import Media, Session
from splitter.sdp.offer_answer import answer_faults, check_answer
from splitter.sdp.split import audio_line, plan
from splitter.sdp.video import VideoFormat, refuse


class CallerSide:
    """The caller's half of a call that is being set up.

    Attributes:
        offer: the caller's; None where it leaves that to us.
    """

    def __init__(self, call: Call, offer: Session | None) -> None:
        self.offer = offer
        self._call = call
        self._origin = call.origin(call.caller.flow.network, call.caller.flow.transport)
        self._video_line: Media | None = None
        self._video_decided = False
        self._moves = 0
        self._told: dict[str, Session] = {}  # what the centre said, as the caller was told it, by its dialogs

    @property
    def offered(self) -> Session:
        """The offer of the caller. Raises LocalError where it leaves that to us."""
        if self.offer is None:
            raise LocalError("a caller without an offer was answered")
        return self.offer

    def moved(self) -> None:
        """The ports of the voice have changed."""
        self._moves += 1

    def dialog(self, branch: str) -> str:
        """The caller's early dialog for a branch of the centre.

        One offer has one answer in a dialog (RFC 3261 §13.2.1), so after a worker's death, which moved our ports, the
        answer comes under another To tag, as if another branch had given it.
        """
        return f"{branch} {self._moves}" if self._moves else branch

    async def answer(self, centre_sdp: Session, dialog: str) -> Session:
        """Our answer in one of its dialogs.

        What a provisional response said in this dialog is said again, word for word (RFC 3261 §13.2.1); what has
        changed since is offered once the call is answered.
        """
        call, offer = self._call, self.offered
        here, line = call.audio.local(CALLER), await self._decide_video()
        answer = caller_answer(offer, call.talk.lines, centre_sdp, here, line, self._origin)
        if line is not None and (fault := next(answer_faults(offer, answer), "")):
            # Should it be the picture that cannot be answered in order, then the voice is answered alone.
            call.note(f"answered without video: {fault}", "caller", "alarm")
            self._video_line = None
            answer = caller_answer(offer, call.talk.lines, centre_sdp, here, None, self._origin)
        check_answer(offer, answer)
        previous = call.caller.early_sessions.get(dialog)
        if previous is not None and _audio_differs(self._told[dialog], centre_sdp):
            call.live.owe(call.caller)
        self._told[dialog] = centre_sdp
        return previous or answer

    def take_video(self, answer: Session | None, relearn: bool) -> None:
        """Carry the picture out once the voice has its answer; `relearn`: see `Video.take`."""
        call = self._call
        if answer is not None and call.talk.plan is not None and self.offer is not None:
            carry_out(call, SettleVideo("caller", self.offer, answer, call.talk.plan.video, relearn))

    def take_offer(self, event: Offered) -> bool:
        """Answer an offer in UPDATE or PRACK by ourselves; False where nobody waits for that any more.

        Raises:
            PeerError: see `early_answer`.
        """
        call, caller, offer, before = self._call, self._call.caller, event.offer, self.offer
        if before is None or caller.terms.local is None:
            raise PeerError("no answer was given yet", 500)
        chosen, old = plan(offer, call.talk.lines, call.audio.local(CALLER).host), call.talk.lines.audio
        lines = {i: refuse(media) for i, media in enumerate(offer.media) if media.kind == "video"}
        if self._video_line is not None and chosen.video is not None and chosen.video_format is not None:
            line = self._line_in_answer(offer, chosen.video, chosen.video_format)
            lines |= {chosen.video: line} if line is not None else {}
        binding = caller.must_answer(event.txn)
        ours = caller.terms.local.media[audio_line(caller.terms.local)]
        kept = keeps_voice(before.media[old], ours, offer.media[chosen.audio])
        answer = early_answer(caller, before, old, offer, chosen.audio, lines, binding=binding)
        if not caller.answer(event.txn, answer):
            return False
        call.note("offer absorbed before the answer", caller.name)
        if not kept:
            call.live.owe(caller)  # hears what the centre uses when the call is answered
        self.offer, call.talk.plan = offer, chosen
        carry_out(call, SettleVideo("caller", offer, answer, chosen.video))
        return True

    async def _decide_video(self) -> Media | None:
        """Our video line; decided once, for the 200 must say what the 18x said (RFC 3261 §13.2.1)."""
        call = self._call
        if not self._video_decided:
            self._video_decided = True
            index, wanted = call.talk.lines.video, call.talk.lines.video_format
            if index is not None and wanted is not None and await call.video.ready():
                self._video_line = self._line_in_answer(self.offered, index, wanted)
        return self._video_line

    def _line_in_answer(self, offer: Session, index: int, wanted: VideoFormat) -> Media | None:
        call = self._call
        return line_in_answer(call.talk.room, "caller", offer, index, wanted, call.live.settings.bitrate_kbps)


def _audio_differs(old: Session, new: Session) -> bool:
    one, other = old.media[audio_line(old)], new.media[audio_line(new)]
    return audio_change(one, other, old, new) is Change.MATERIAL
