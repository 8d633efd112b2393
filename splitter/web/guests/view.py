"""A call as a guest's page is told of it: what concerns its user, and nothing of others. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from splitter.calls.asks import Desk
from splitter.calls.states import CallState, PartyKind, PartyState, RecordingState
from splitter.calls.talk.room import PICTURE, SLATE
from splitter.calls.view import CallView, PartyView
from splitter.web.access.bearer import Bearer


class Shown(StrEnum):
    """The view that a guest sees."""

    NOTHING = "none"
    WAITING = "waiting"  # the waiting picture
    IMAGE = "image"  # a still that the agent has chosen
    VIDEO = "video"


class AgentSight(StrEnum):
    """Whether the guest is looked at."""

    AWAY = "away"  # no desk is in the video
    CONNECTED = "connected"
    SENDS = "sends"  # and its own picture comes


@dataclass(frozen=True, slots=True)
class GuestPartyView:
    """A browser that this link has let in. `receives`: pictures of it come to the gateway. `shown`: what it sees."""

    name: str
    state: PartyState
    receives: bool
    shown: Shown


@dataclass(frozen=True, slots=True)
class GuestCallView:
    """A call, for a guest. `parties`: those whom its own link has let in; whoever is not among them was removed.
    `messages`: how many were written; `located`: the desks see where the guest is. `recorded`: the call is, just now.
    """

    call_id: str
    state: CallState
    agent: AgentSight
    parties: tuple[GuestPartyView, ...] = ()
    messages: int = 0
    located: bool = False
    recorded: bool = False


def for_guest(view: CallView, desks: Mapping[str, Desk], bearer: Bearer) -> GuestCallView:
    """The call for whoever has this token.

    Args:
        desks: who is in it, by the name of the party.
    """
    over = view.state == CallState.ENDED
    return GuestCallView(
        view.call_id,
        view.state,
        AgentSight.AWAY if over else _agent(view),
        () if over else tuple(_party(one) for one in view.parties if _is_own(one, desks, bearer)),
        view.messages,
        view.location is not None,
        not over and view.recording.state == RecordingState.RECORDING,
    )


def _is_own(party: PartyView, desks: Mapping[str, Desk], bearer: Bearer) -> bool:
    desk = desks.get(party.name)
    there = desk is not None and desk.holder is not None and party.state != PartyState.LEFT
    return there and desk is not None and desk.holder is not None and desk.holder.name == bearer.name


def _party(party: PartyView) -> GuestPartyView:
    return GuestPartyView(party.name, party.state, party.sends, _shown(party.showing))


def _shown(source: str) -> Shown:
    if source in ("", "none"):
        return Shown.NOTHING
    if source == SLATE:
        return Shown.WAITING
    return Shown.IMAGE if source.startswith(PICTURE) else Shown.VIDEO


def _agent(view: CallView) -> AgentSight:
    """Supervisors who only look on are nobody to a guest."""
    there = [party for party in view.parties if PartyKind(party.kind).is_desk and party.state == PartyState.CONNECTED]
    if not there:
        return AgentSight.AWAY
    return AgentSight.SENDS if any(party.sends for party in there) else AgentSight.CONNECTED
