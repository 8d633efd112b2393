"""What of a call agents' browsers are shown. Pure.

Identity and place are the network's word, given within a trust domain that agents' browsers are not part of (RFC 3325
§7, RFC 7315 §4.4): a desk sees what helps it to help, whoever may read all calls sees everything.
"""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.facts import CallerFacts
from splitter.calls.logins.access import Scope
from splitter.calls.view import CallView, LegView, Notice
from splitter.web.bearer import Bearer


def seen(view: CallView, bearer: Bearer) -> CallView | None:
    """The call as this one may see it; None for not at all."""
    if bearer.may(Scope.READ, Scope.CONTROL):
        return view
    return for_desk(view) if bearer.takes_part(view) else None


def for_desk(view: CallView) -> CallView:
    """The call without what the network told in confidence: a hidden number, cell and charging, addresses of peers."""
    return replace(
        view,
        caller="" if view.facts.private else view.caller,
        facts=_facts(view.facts),
        legs=tuple(_leg(leg) for leg in view.legs),
        strangers=tuple(replace(stranger, source="", named="") for stranger in view.strangers),
    )


def hears(notice: Notice, view: CallView | None, bearer: Bearer) -> bool:
    """True for a bearer that is told of this notice; `view` is its call, None where that is gone."""
    return bearer.may(Scope.READ, Scope.CONTROL) or (view is not None and bearer.takes_part(view))


def _facts(facts: CallerFacts) -> CallerFacts:
    return replace(facts, access_network="", charging_id="", location_uri="")


def _leg(leg: LegView) -> LegView:
    return replace(leg, peer="", sip_call_id="")
