"""Why somebody was not heard or not seen: one sentence about a call, and the lines of its trace that prove it.

The sentence is found in what the call says of itself (`CallView`, with what its media have carried); the trace only
proves it. The first rule that holds is the reason: a call that was never answered had no video either. Does no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from splitter.calls.carried import AUDIO, VIDEO
from splitter.calls.states import CallState, Direction, Lack, PartyKind, Side, VideoState
from splitter.calls.talk.room import PICTURE, SLATE
from splitter.calls.view import CallView, CarriedView, PartyView, StrangerView
from splitter.telemetry.trace import TraceEvent

PROOFS = 3
_NOBODY = (SLATE, PICTURE, "none")  # what a viewer may be shown instead of a person

_Proof = Callable[[TraceEvent], bool]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to say, of the voice or of the video.

    Attributes:
        fine: it went both ways.
        words: one sentence, in plain English.
        proof: the lines of the trace that show it, at most PROOFS.
    """

    fine: bool
    words: str
    proof: tuple[TraceEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Why a call went as it did."""

    voice: Finding
    video: Finding


@dataclass(frozen=True, slots=True)
class _Claim:
    words: str
    proofs: tuple[_Proof, ...] = field(default=())
    fine: bool = False


def why(view: CallView, carried: Sequence[CarriedView], trace: Sequence[TraceEvent]) -> Diagnosis:
    """Judge a call.

    Args:
        carried: what its media have carried until now; `view.carried` of a call that has ended.
        trace: all of it, messages in words; where some of it is missing, so are proofs.
    """
    call = _Call(view, carried)
    voice = next(call.voice())
    return Diagnosis(_found(voice, trace), _found(next(call.video()), trace))


SEEN = ("both", "caller only", "agent only", "none")


def seen_by(view: CallView) -> str:
    """Say who was seen in an ended call: "both", "caller only", "agent only", "none"; "" where nobody counted."""
    if view.answered_at is None:
        return "none"
    if not view.carried:
        return ""
    call = _Call(view, view.carried)
    match call.came_of_the_caller() > 0, call.came_of_agents() > 0:
        case True, True:
            return "both"
        case True, False:
            return "caller only"
        case False, True:
            return "agent only"
    return "none"


def _found(claim: _Claim, trace: Sequence[TraceEvent]) -> Finding:
    """The claim with its proofs, in the order in which they happened; the last one of each kind counts."""
    chosen = [found for proof in claim.proofs if (found := _last(trace, proof)) is not None]
    proof = sorted(chosen, key=lambda event: event.seq)[-PROOFS:]
    return Finding(claim.fine, claim.words, tuple(dict.fromkeys(proof)))


def _last(trace: Sequence[TraceEvent], wanted: _Proof) -> TraceEvent | None:
    return next((event for event in reversed(trace) if wanted(event)), None)


class _Call:
    """The rules, over one call."""

    def __init__(self, view: CallView, carried: Sequence[CarriedView]) -> None:
        self._view = view
        self._carried = {(one.name, one.kind): one for one in carried}
        self._desks = [party for party in view.parties if party.kind.is_desk or party.kind is PartyKind.ONLOOKER]
        self._over = view.state is CallState.ENDED

    def came(self, name: str, kind: str = VIDEO) -> int:
        """How many packets came from a leg or party."""
        found = self._carried.get((name, kind))
        return found.packets_in if found is not None else 0

    # ---- the voice -----------------------------------------------------------------------------------------------

    def voice(self) -> Iterator[_Claim]:
        """The claims that hold, the reason first."""
        yield from self._not_answered("voice")
        heard = {side: self.came(side, AUDIO) for side in Side}
        if not any((side, AUDIO) in self._carried for side in Side):
            yield _Claim("nobody has counted the voice: its media engine did not answer", (_about("", "media"),))
        for side in Side:
            if not heard[side]:
                other = next(name for name in Side if name != side)
                words = f"no voice came from the {side}"
                words += ", nor" if not heard[other] else f", and {heard[other]} packets"
                yield self._strange(f"{words} from the {other}", side, AUDIO, _says("voice: "))
        yield from self._missed()
        counts = " and ".join(f"{packets} packets from the {side}" for side, packets in heard.items())
        yield _Claim(f"voice went both ways: {counts}", (_says("voice: "),), fine=True)

    def _missed(self) -> Iterator[_Claim]:
        """A voice that stopped, and did not come back."""
        for one in self._view.silences:
            if one.until is None and one.leg in tuple(Side):
                end = self._view.ended_at
                lasted = f"{end - one.since:.0f} s before the end" if end is not None else "and does not come now"
                words = f"the voice of the {one.leg} stopped {lasted}: {one.why}"
                yield _Claim(words, (_says(f"no voice comes from the {one.leg}"), _says("voice: ")))

    # ---- the video -----------------------------------------------------------------------------------------------

    def video(self) -> Iterator[_Claim]:
        """The claims that hold, the reason first."""
        yield from self._not_answered("video")
        if not self.came_of_the_caller():
            yield from self._none_of_the_caller()
        yield from self._nobody_looks()
        yield from self._not_seen_by_the_caller()
        names = " and ".join(map(_named, self._lookers()))
        yield _Claim(f"the caller was seen by {names}, and saw the agent", (_shown(Side.CALLER), _joined), fine=True)

    def _none_of_the_caller(self) -> Iterator[_Claim]:
        video = self._view.video
        asked = (_says("asks the caller for video"), _says("our question for video"), _notice_of(video.reason))
        if video.outcome and video.outcome != "accepted":
            yield _Claim(f"the caller was asked for video: {video.reason or video.outcome}", asked)
        if video.state is VideoState.ASKING:
            yield _Claim("the caller is being asked for video, and has not answered yet", asked)
        if video.fault:
            yield _Claim(f"the caller's video cannot be used: {video.fault}", (_says(video.fault),))
        if any(leg.name == Side.CALLER and leg.video for leg in self._view.legs):
            words = "video was agreed on, but no packet of the caller's came"
            counted = (_says("no video comes from the caller"), _says("video: 0 packets from it"))
            yield self._strange(words, Side.CALLER, VIDEO, _message(Side.CALLER, "200"), *counted)
        yield _Claim(f"{self._begun()}, and nobody has asked for video", (_says(" calls "),))

    def _begun(self) -> str:
        """How a call without video began."""
        if self._view.direction is Direction.OUT:
            return "the centre called out by voice"
        phone = " from a phone that cannot show video" if self._view.video.supported is False else ""
        return f"the caller called{phone} by voice alone"

    def _nobody_looks(self) -> Iterator[_Claim]:
        extension = self._view.extension
        if not self._desks and extension:
            yield _Claim(f"nobody looked: the desk of {extension} has not joined", (_says("bound to"),))
        if not self._desks:
            words = "nobody looked: the centre has not said which agent has the call, and no desk has joined"
            yield _Claim(words, (_says("connected: "), _says("the centre named no agent")))
        if not self._lookers():
            name = self._desks[-1].name
            if self._desks[-1].lack:
                words = f"{_named(self._desks[-1])} found no place: {Lack(self._desks[-1].lack).words}"
                yield _Claim(words, (_says(f"the video of {name} failed"), _says("could not join")))
            words = f"{_named(self._desks[-1])} has joined, but no video reached it"
            yield _Claim(words, (_about(name, "media", "transport"), _about(name, "media", "video: "), _joined))
        found = self._carried.get((Side.CALLER, VIDEO))
        if found is not None and found.packets_in and not found.key_frames:
            yield _Claim("the caller's video came, but no frame in it that decoding can begin with", (_shown("desk"),))

    def _not_seen_by_the_caller(self) -> Iterator[_Claim]:
        names = " and ".join(map(_named, self._lookers()))
        found = self._carried.get((Side.CALLER, VIDEO))
        if found is not None and not found.packets_out:
            words = f"the caller was seen by {names}, but the caller's phone was sent no video"
            yield _Claim(words, (_message(Side.CALLER, "200"), _shown(Side.CALLER)))
        if not self.came_of_agents():
            words = f"the caller was seen by {names}, but no camera of an agent sent anything"
            yield _Claim(words, (_shown(Side.CALLER), _joined))

    # ---- what the rules are made of ------------------------------------------------------------------------------

    def _not_answered(self, what: str) -> Iterator[_Claim]:
        view = self._view
        if view.answered_at is not None:
            return
        proofs = (_says("refused"), _refusal, _about("", "state", "ended"))
        if self._over:
            yield _Claim(f"no {what}, for the call was not answered: {view.end_reason}", proofs)
        words = f"no {what} yet: the call is {view.state}"
        yield _Claim(f"{words} at {view.route}" if view.route else words, (_says("trying "),))

    def came_of_the_caller(self) -> int:
        """Packets of the caller's video: of the phone, or of the page that stands in for it."""
        guests = [party.name for party in self._view.parties if party.kind is PartyKind.GUEST]
        return sum(map(self.came, (Side.CALLER, *guests)))

    def came_of_agents(self) -> int:
        """Packets of the video of desks."""
        return sum(self.came(party.name) for party in self._desks)

    def _lookers(self) -> list[PartyView]:
        """Parties that something was sent to."""
        sent = {name for (name, kind), one in self._carried.items() if kind == VIDEO and one.packets_out}
        return [party for party in self._desks if party.name in sent]

    def _strange(self, words: str, leg: str, kind: str, *proofs: _Proof) -> _Claim:
        """A claim of silence, with where something came from that was not taken."""
        found = next((one for one in self._view.strangers if (one.leg, one.kind) == (leg, kind)), None)
        if found is None:
            return _Claim(words, proofs)
        return _Claim(f"{words}; {_stranger(found)}", (*proofs, _says(found.source)))


def _stranger(one: StrangerView) -> str:
    return f"what came from {one.source} was not taken, for its SDP named {one.named}"


def _named(party: PartyView) -> str:
    return f"{party.name} ({party.extension})" if party.extension else party.name


# ---- proofs ------------------------------------------------------------------------------------------------------


def _says(words: str) -> _Proof:
    return lambda event: event.kind != "message" and words in event.text


def _notice_of(reason: str) -> _Proof:
    return lambda event: bool(reason) and event.kind != "message" and reason in event.text


def _about(leg: str, kind: str, words: str = "") -> _Proof:
    return lambda event: (event.leg, event.kind) == (leg, kind) and event.text.startswith(words)


def _shown(viewer: str) -> _Proof:
    """A person was shown: not the slate, nor a picture."""

    def shown(event: TraceEvent) -> bool:
        words = event.text.split(maxsplit=2)
        return event.leg.startswith(viewer) and words[:2] == ["is", "shown"] and not words[2].startswith(_NOBODY)

    return shown


def _message(leg: str, words: str) -> _Proof:
    return lambda event: event.kind == "message" and event.leg == leg and event.text.startswith(words)


def _joined(event: TraceEvent) -> bool:
    return event.kind == "note" and " joins as " in event.text


def _refusal(event: TraceEvent) -> bool:
    """A final response that refuses, of either side."""
    return event.kind == "message" and event.text[:1] in ("4", "5", "6") and event.text[3:4] == " "
