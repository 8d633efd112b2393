"""What of a call agents' browsers are shown. Pure.

Identity and place are the network's word, given within a trust domain that agents' browsers are not part of (RFC 3325
§7, RFC 7315 §4.4): a desk sees what helps it to help, whoever may read all calls sees everything.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from splitter.calls.logins.access import Scope
from splitter.calls.peers.facts import CallerFacts
from splitter.calls.view import CallView, CarriedView, LegView, Notice, PartyView, PhoneView, RecordingView
from splitter.web.access.bearer import Bearer


def seen(view: CallView, bearer: Bearer) -> CallView | None:
    """The call as this one may see it; None for not at all."""
    if bearer.may(Scope.READ, Scope.CONTROL):
        return view
    return for_desk(view, DeskSight.of(bearer)) if bearer.takes_part(view) else None


class DeskSight(NamedTuple):
    """Rights of a desk beyond its own: `supervises`: it is shown hidden supervisors; `identity`: the number, cell and
    place that the network told in confidence."""

    supervises: bool = False
    identity: bool = False

    @classmethod
    def of(cls, bearer: Bearer) -> DeskSight:
        return cls(bearer.may(Scope.SUPERVISE), bearer.may(Scope.IDENTITY))


PLAIN_DESK = DeskSight()


def for_desk(view: CallView, sight: DeskSight = PLAIN_DESK) -> CallView:
    """The call without what the network told in confidence: a hidden number, cell and charging, addresses of peers."""
    view = view if sight.supervises else _without_hidden(view)
    return replace(
        view,
        caller="" if view.facts.private and not sight.identity else view.caller,
        facts=replace(view.facts, charging_id="") if sight.identity else _facts(view.facts),
        legs=tuple(_leg(leg) for leg in view.legs),
        strangers=tuple(replace(stranger, source="", named="") for stranger in view.strangers),
    )


def hears(notice: Notice, view: CallView | None, bearer: Bearer) -> bool:
    """True for a bearer that is told of this notice; `view` is its call, None where that is gone."""
    if bearer.may(Scope.READ, Scope.CONTROL):
        return True
    if view is None or not bearer.takes_part(view):
        return False
    return bearer.may(Scope.SUPERVISE) or not notice.party or notice.party not in _hidden(view)


def carried_seen(carried: tuple[CarriedView, ...], view: CallView, bearer: Bearer) -> tuple[CarriedView, ...]:
    """The media of a call as this one may see them; `view`: the whole call."""
    names = hidden_from(bearer, view)
    return tuple(one for one in carried if one.name not in names)


def hidden_from(bearer: Bearer, view: CallView) -> set[str]:
    """The names in a call of those of whom this one is told nothing."""
    return set() if bearer.may(Scope.READ, Scope.CONTROL, Scope.SUPERVISE) else _hidden(view)


def _hidden(view: CallView) -> set[str]:
    """The names of those of whom desks know nothing, be they there or gone."""
    present: tuple[PartyView | PhoneView, ...] = (*view.parties, *view.phones)
    there = {one.name: one.hidden for one in present}
    gone = {stay.name for stay in view.course.stays if stay.hidden and stay.name not in there}
    return gone | {name for name, hidden in there.items() if hidden}


def _without_hidden(view: CallView) -> CallView:
    names = _hidden(view)
    if not names and not any(stay.hidden for stay in view.course.stays):
        return view
    shown = tuple(party for party in view.parties if party.name not in names)
    return replace(
        view,
        parties=shown,
        phones=tuple(phone for phone in view.phones if phone.name not in names),
        legs=tuple(leg for leg in view.legs if leg.name not in names),
        carried=tuple(one for one in view.carried if one.name not in names),
        strangers=tuple(one for one in view.strangers if one.leg not in names),
        muted=tuple(one for one in view.muted if one not in names),
        silences=tuple(one for one in view.silences if one.leg not in names),
        recording=_recording(view.recording, names),
        course=replace(view.course, stays=tuple(one for one in view.course.stays if not one.hidden)),
    )


def _recording(recording: RecordingView, names: set[str]) -> RecordingView:
    """It may say of whom nothing is recorded, and why."""
    left_out = tuple(one for one in recording.left_out if one not in names)
    reason = "" if any(recording.reason.startswith(f"{one} is ") for one in names) else recording.reason
    return replace(recording, left_out=left_out, reason=reason)


def _facts(facts: CallerFacts) -> CallerFacts:
    return replace(facts, access_network="", charging_id="", location_uri="")


def _leg(leg: LegView) -> LegView:
    return replace(leg, peer="", sip_call_id="")
