"""What is under way in a call: it waits for a peer, for the media engine or for its turn, and passes. Pure.

The value of a call (`state.Talk`) is at rest when nothing of this is there.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from splitter.calls.asks import Asked
from splitter.calls.events import SeatArrived
from splitter.calls.leg_events import DigitPressed, Offered
from splitter.calls.states import RecordingState
from splitter.calls.talk.phones import Phone
from splitter.calls.talk.transfers import Transfer
from splitter.sdp.model import Session
from splitter.sdp.split import Plan


@dataclass(slots=True)
class Consult:
    """An offer of ours that is open on the leg `asked`.

    Attributes:
        offered: the re-INVITE that waits for the outcome; None for an offer of our own, and once it was answered.
        plan: the caller's new one.
        own: an offer of our own.
        withdrawn: nobody waits for the outcome any more: if it is accepted all the same, what stands is offered.
    """

    asked: str
    offered: Offered | None = None
    plan: Plan | None = None
    own: bool = False
    withdrawn: bool = False


@dataclass(slots=True)
class Question:
    """Our re-INVITE with video, open at the caller.

    Attributes:
        index: of the video in it.
        wanted: False once nobody waits for the answer any more; if it is accepted all the same, video is dropped.
        giving_way: a CANCEL was sent for the sake of the voice.
        answer, chosen: the phone's, and the lines that it means; they count once the question has come to its end.
        unusable: its answer is. overtaken: it has offered anew on top of an early answer, which counts since then.
    """

    index: int
    wanted: bool = True
    giving_way: bool = False
    answer: Session | None = None
    chosen: Plan | None = None
    unusable: bool = False
    overtaken: bool = False


@dataclass(slots=True)
class PhoneQuestion:
    """A phone that was invited is to be asked for its picture, or is being asked.

    Attributes:
        by: who wants it.
        open: our re-INVITE is under way. rests: until the alarm PHONE_VIDEO rings.
        wanted: False once nobody waits for the answer any more; if it is accepted all the same, video is dropped.
        giving_way: a CANCEL was sent for the sake of the voice; it is asked once more.
        tries: how often the phone was busy with an offer of its own.
        answer: the phone's, in a provisional response; it counts at the end. unusable: why it cannot be used.
    """

    by: str
    open: bool = False
    rests: bool = False
    wanted: bool = True
    giving_way: bool = False
    tries: int = 0
    answer: Session | None = None
    unusable: str = ""


RecordedAs = tuple[str, RecordingState, tuple[str, ...]]
"""A recording, how it is to be, and who is left out of it."""


@dataclass(slots=True)
class Pending:
    """All that is under way in one call.

    Attributes:
        newcomer: a leg of the centre that is to take the place of the present one (RFC 3891), and is not answered yet.
        arriving: SIP seats that are not answered yet, whose name is their key.
        room: the caller's place in the room is being made; RoomPrepared follows.
        asking: extensions whose desks ask to be let in, with their INVITEs that ring meanwhile.
        put_aside: re-offers that wait until the other side can be asked.
        consult: the side that is asked now. question: the caller is being asked for video.
        raising: a desk that wants video, while the room is not there yet; `raised` counts them.
        awaited: what has waited for the caller's place in the room, each once; `patient`: it is still worth waiting.
        digits: those in INFO that wait until the other side can take them.
        stills: who waits for a still, by whose it is to be.
        calling: phones that are being called and have not answered, by name.
        placing: phones whose places in the room are being made. asked_phones: those to be asked for their pictures.
        transfer: the centre is handing the call on by REFER.
        recorder_asked, recorder_has: the recording, and how it is to be: what was asked for, and what was done.
        recorder_asks: who waits for that. recorder_tries: how often that was refused.
        leaving_out: who waits until nothing of somebody is recorded any longer.
        tapped: by relay and room, the recording that it was asked to be copied to, and who is left out.
        tapping: those of them that have not answered. tap_faults: why that could not be, and how often it was tried.
    """

    newcomer: str = ""
    arriving: list[str] = field(default_factory=list)
    room: bool = False
    asking: dict[str, list[SeatArrived]] = field(default_factory=dict)
    put_aside: deque[Offered] = field(default_factory=deque)
    consult: Consult | None = None
    question: Question | None = None
    raising: Asked | None = None
    raised: int = 0
    awaited: tuple[str, ...] = ()
    patient: bool = False
    digits: deque[DigitPressed] = field(default_factory=deque)
    stills: dict[str, list[Asked]] = field(default_factory=dict)
    calling: dict[str, Phone] = field(default_factory=dict)
    placing: set[str] = field(default_factory=set)
    asked_phones: dict[str, PhoneQuestion] = field(default_factory=dict)
    transfer: Transfer | None = None
    recorder_asked: RecordedAs | None = None
    recorder_has: RecordedAs | None = None
    recorder_asks: list[Asked] = field(default_factory=list)
    recorder_tries: int = 0
    leaving_out: list[Asked] = field(default_factory=list)
    tapped: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    tapping: set[str] = field(default_factory=set)
    tap_faults: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def ringing(self) -> int:
        """INVITEs of SIP seats that wait to be let in."""
        return sum(map(len, self.asking.values()))

    @property
    def empty(self) -> bool:
        """Nothing is under way."""
        asked = self.consult or self.question or self.raising or self.transfer
        coming = self.newcomer or self.arriving or self.asking or self.calling or self.placing
        waits = self.room or self.put_aside or self.digits or self.stills or self.asked_phones
        return not (asked or coming or waits or self.recorder_asks or self.leaving_out)
