"""What stands beside the recording of a call: its subject, what happened in it, and how it ended. Does no I/O."""

from __future__ import annotations

from typing import Any

from splitter.calls.after.detail import outcome_of
from splitter.calls.after.diagnosis import seen_by
from splitter.calls.states import LegState, Side
from splitter.calls.view import CallView, LegView, Notice, PartyView, PhoneView
from splitter.media.record.about import RecordedOutcome, RecordingAbout

_PARTS = ("showing", "extension", "muted", "state")
_TOLD = {
    **dict.fromkeys(("transfer-begun", "transferred", "transfer-failed", "transfer-alone"), "transfer"),
    **dict.fromkeys(("handed-over", "agent-left"), "transfer"),
    **dict.fromkeys(("voice-missing", "voice-returned", "media-lost"), "voice"),
}
"""Notices that stand beside a recording, as what."""

Happening = tuple[str, dict[str, Any]]


def about_of(view: CallView, recording: str) -> RecordingAbout:
    """The subject of a recording of this call."""
    return RecordingAbout(
        recording,
        view.call_id,
        view.short_code,
        view.caller,
        view.called,
        view.extension,
        view.route,
        view.direction.value,
        private=view.facts.private,
    )


def outcome_to_keep(view: CallView) -> RecordedOutcome:
    """The end of a call, for those who look for its recordings by it."""
    return RecordedOutcome(outcome_of(view), seen_by(view), view.video.outcome, view.end_reason)


def told_by(notice: Notice) -> Happening | None:
    """What a notice says of the call; None where it is nothing that a recording needs, or a view says it too."""
    what = _TOLD.get(notice.code)
    return (what, {"is": notice.code, "text": notice.text, "name": notice.party}) if what is not None else None


def changes(before: CallView, view: CallView) -> list[Happening]:
    """The happenings between two views of a call."""
    found: list[Happening] = []
    for name in _PARTS:
        if getattr(before, name) != getattr(view, name):
            found.append((name, {"is": getattr(view, name)}))
    if hold_of(before) != hold_of(view):
        found.append(("hold", {"is": hold_of(view) or "nobody"}))
    found += _legs(before, view)
    known = {party.name: party for party in before.parties}
    for party in view.parties:
        former = known.get(party.name)
        if former is None or former.state != party.state:
            more = {"name": party.name, "kind": party.kind, "title": party.title, "is": party.state}
            found.append(("party", {**more, **_whether_hidden(party)}))
    phones = {phone.name: phone.state for phone in before.phones}
    for phone in view.phones:
        if phones.get(phone.name) != phone.state:
            more = {"name": phone.name, "number": phone.number, "is": phone.state}
            found.append(("phone", {**more, **_whether_hidden(phone)}))
    if (before.video.state, before.video.outcome) != (view.video.state, view.video.outcome):
        more = {"outcome": view.video.outcome, "reason": view.video.reason}
        found.append(("video", {"is": view.video.state, **more}))
    return found


def _whether_hidden(who: PartyView | PhoneView) -> dict[str, Any]:
    """Who is hidden from desks is so in what they read later."""
    return {"hidden": True} if who.hidden else {}


def hold_of(view: CallView) -> str:
    """The side that holds the voice: "caller", "centre" or "both"; "" where nobody does."""
    caller, centre = (_direction(view, side) for side in (Side.CALLER, Side.CENTRE))
    if "inactive" in (caller, centre):
        return "both"
    if caller == "recvonly" or centre == "sendonly":
        return "caller"
    return "centre" if caller == "sendonly" or centre == "recvonly" else ""


def _direction(view: CallView, side: Side) -> str:
    """The direction of a leg's voice, as the gateway says it to that peer."""
    legs = [leg for leg in view.legs if leg.name.partition("-")[0] == side and leg.state is LegState.CONFIRMED]
    return legs[-1].audio.rpartition(" ")[2] if legs else ""


def _legs(before: CallView, view: CallView) -> list[Happening]:
    """Another leg of the centre, after it has handed the call on; phones and parties are told of apart."""
    known = {leg.sip_call_id: leg.state for leg in _of_centre(before)}
    return [
        ("leg", {"name": leg.name, "trunk": leg.trunk, "is": leg.state})
        for leg in _of_centre(view)
        if known.get(leg.sip_call_id) != leg.state
    ]


def _of_centre(view: CallView) -> list[LegView]:
    return [leg for leg in view.legs if leg.name.partition("-")[0] == Side.CENTRE]
