"""Asks of phones that are invited, and of who hears whom. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.calls.states import PhonePart
from splitter.sdp.video import Limits as Limits


@dataclass(frozen=True, slots=True)
class InvitePhone:
    """Call a number, and connect it with those who talk. → PhoneInvited once it is being called

    `video`: its picture is wanted as well, where it is called by the network.
    """

    number: str
    by: str
    part: PhonePart = PhonePart.TALKS
    video: bool = False


@dataclass(frozen=True, slots=True)
class PhoneInvited:
    """Answer to InvitePhone. `name`: of the phone, such as "phone-1"."""

    name: str


@dataclass(frozen=True, slots=True)
class RemovePhone:
    """Take a phone out of the voice; one that is being called is called no longer. → None"""

    name: str
    by: str


@dataclass(frozen=True, slots=True)
class MuteVoice:
    """Let nobody hear a voice (a phone's, "caller", "centre"), or all again, while three or more talk. → None"""

    name: str
    muted: bool
    by: str


@dataclass(frozen=True, slots=True)
class SetPart:
    """Let a phone that was invited talk, listen or whisper from now on. → None"""

    name: str
    part: PhonePart
    by: str


@dataclass(frozen=True, slots=True)
class LeaveVoice:
    """The agent leaves the voice, and the others go on: the first phone takes the agent's place. → None"""

    by: str


@dataclass(frozen=True, slots=True)
class PlacedCall:
    """A wish for a call outwards: the agent's phone rings first, then the number.

    Attributes:
        video: the person in the network is asked for video as soon as it has answered.
    """

    extension: str
    number: str
    by: str
    video: bool = False


@dataclass(frozen=True, slots=True)
class SetPhoneVideo:
    """Ask a phone that was invited for its picture, or go back to its voice alone. → None, once it is to be asked"""

    name: str
    wanted: bool
    by: str
