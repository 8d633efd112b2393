"""The commands of a step to the media engine; see `commands`. Pure."""

from __future__ import annotations

from splitter.calls.asks import Asked, Show
from splitter.calls.events import HearingSet, VoiceDoubt, VoiceOpened, VoicePointed
from splitter.calls.leg_events import DigitPressed, Offered
from splitter.calls.parties import Party
from splitter.calls.states import Side
from splitter.calls.talk.commands import Command, R
from splitter.core.frozen import frozen
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.mosaics import MosaicPlan
from splitter.media.ports.voice import Hearing
from splitter.rtp.telephone_event import Digit
from splitter.sdp.model import Origin, Session
from splitter.sdp.webrtc import SecureRemote


class VoiceCommand(Command[R]):
    """A command to the engine of the voice."""


class RoomCommand(Command[None]):
    """A command to the room: who has a place in it, and what was negotiated."""


class ShowCommand(Command[None]):
    """A command to the room: what is shown to whom."""


class OpenVoice(VoiceCommand[None]):
    """A relay in place of the present one; ends in VoiceOpened or VoiceUnavailable."""


class MoveVoice(VoiceCommand[None]):
    """A relay in place of one that died, at the same ports if they can be had; ends as OpenVoice does."""


@frozen
class AdoptVoice(VoiceCommand[bool]):
    """Use the relay that was opened; False where it is of no use any more."""

    opened: VoiceOpened


@frozen
class PointVoice(VoiceCommand[None]):
    """Let a side of the voice send there and take what comes from there; ends in VoicePointed. The newest wish wins."""

    side: str
    remote: RemoteEnd | None


@frozen
class SettlePointing(VoiceCommand[bool]):
    """Take in what came of PointVoice; False where the side still does not point to where it should."""

    pointed: VoicePointed


@frozen
class SettleHearing(VoiceCommand[bool]):
    """Take in what came of SetHearing; False where it was not carried out."""

    done: HearingSet


@frozen
class AddVoice(VoiceCommand[None]):
    """Ports for a further side, which the state of the voice has already; ends in VoiceAdded."""

    name: str


@frozen
class RemoveVoice(VoiceCommand[None]):
    """Give a further side back, by its number."""

    number: int


@frozen
class SetHearing(VoiceCommand[None]):
    """Let sides hear each other so; ends in HearingSet. The newest wish wins."""

    hearing: Hearing


class FollowVoice(VoiceCommand[None]):
    """Ask once more for what was not carried out of PointVoice."""


@frozen
class CountVoice(VoiceCommand[None]):
    """Look whether voice comes from a side; ends in VoiceCounted."""

    side: Side
    about: VoiceDoubt | None


@frozen
class InsertDigit(VoiceCommand[None]):
    """Let a side hear a digit in the voice that it gets; ends in DigitInserted."""

    side: Side
    other: str
    digit: Digit
    pressed: DigitPressed


@frozen
class PrepareRoom(RoomCommand):
    """Open the room and the caller's ports beside what the voice is doing; ends in RoomPrepared."""

    network: str


class MoveRoom(RoomCommand):
    """Give those whom a lost room left behind their places; ends in PlacesMade."""


@frozen
class SettleVideo(RoomCommand):
    """Let the room carry out what was negotiated for a participant; ends in VideoCarriedOut. The newest wish wins."""

    name: str
    peer: Session
    ours: Session
    index: int | None
    relearn: bool = True


@frozen
class PlaceSeat(RoomCommand):
    """Give a SIP seat its place in the room; ends in SeatPlaced."""

    leg: str
    party: Party
    offer: Session
    origin: Origin


@frozen
class PlacePhone(RoomCommand):
    """Give a phone that was invited its place in the room, in place of one that it has; ends in PhonePlaced."""

    name: str
    network: str


@frozen
class PlaceClient(RoomCommand):
    """Give a WebRTC client its place in the room, in place of the one it had; ends in ClientPlaced."""

    asked: Asked
    party: Party
    offer: Session
    network: str


@frozen
class RestartSeat(RoomCommand):
    """New ICE credentials for a SIP seat; ends in SeatRestarted."""

    name: str
    offered: Offered
    offer: Session
    party: Party
    remote: SecureRemote


@frozen
class RestartClient(RoomCommand):
    """Other credentials of a WebRTC client, or more of its candidates; ends in ClientRestarted.

    `restarts`: it gets new ones of ours.
    """

    asked: Asked
    name: str
    remote: SecureRemote
    restarts: bool


@frozen
class OpenStreams(RoomCommand):
    """Show others to a WebRTC client in streams of their own, and in no others; ends in StreamsOpened.

    `wanted`: by the index of a line of its offer, the source.
    """

    asked: Asked
    party: Party
    offer: Session
    wanted: tuple[tuple[int, str], ...]


@frozen
class RankParticipant(RoomCommand):
    """Tell the room anew whether a participant is the host's, or aside."""

    name: str


@frozen
class RemoveParticipant(RoomCommand):
    """Take a participant out of the room; who watched it sees the slate."""

    name: str


@frozen
class ShowChoice(ShowCommand):
    """Show what a desk chose; ends in ShownAsAsked."""

    asked: Asked
    ask: Show


class ShowAgain(ShowCommand):
    """Tell the room what desks have chosen; ends in ShowFailed for each choice that cannot be."""


class FollowSpeaker(ShowCommand):
    """Show who speaks to those who are to see that; ends in ShowFailed for each to whom it cannot be."""


@frozen
class SetMosaic(ShowCommand):
    """Let this mosaic be in the room, or (None) none; ends in MosaicSet. The newest wish wins."""

    plan: MosaicPlan | None


class FollowMosaic(ShowCommand):
    """Show the mosaic, or who speaks, to those who are to see it; ends in ShowFailed as FollowSpeaker does."""


@frozen
class LiftCover(ShowCommand):
    """Let the room choose again what a viewer sees; ends in ShowFailed where it cannot."""

    viewer: str


@frozen
class TakeStill(ShowCommand):
    """A still of what a participant sends; ends in StillTaken."""

    name: str


@frozen
class WantKeyFrame(ShowCommand):
    """A participant wants a key frame of what it is shown; one wish at a time is enough."""

    name: str
