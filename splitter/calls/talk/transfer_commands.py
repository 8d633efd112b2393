"""The commands of a step about a transfer by REFER; see `commands`. Pure.

They name the leg that is called, as those about a phone do; some of these serve here too.
"""

from __future__ import annotations

from splitter.calls.talk.phone_commands import FoundWay, NoWay, PhoneCommand
from splitter.core.frozen import frozen
from splitter.sdp.model import Session


@frozen
class SeekSuccessor(PhoneCommand[FoundWay | NoWay]):
    """Look for the way to a number of a centre in this network, as for a phone that an agent may invite."""

    number: str
    network: str


@frozen
class DialSuccessor(PhoneCommand[str]):
    """Send our INVITE on the way that was found; ends in Answered or Refused. Replies the key of the leg."""

    offer: Session


class InstallSuccessor(PhoneCommand[str]):
    """The leg that was called is the centre from now on. Replies the leg before, which is still to be ended."""
