"""A call as operators see it, made of its value."""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.asks import Limits
from splitter.calls.talk.state import Talk
from splitter.calls.view import CallView, LegView
from splitter.core.text import plain


def view_of(talk: Talk, legs: tuple[LegView, ...], asking: tuple[str, ...], limits: Limits | None) -> CallView:
    """Show a call. What strangers wrote in it is harmless from here on: in pages, events, webhooks and the store.

    Args:
        legs: those that are in it now.
        asking: extensions whose desks ask to be let in.
        limits: of what the caller can be sent; None while its video is off.
    """
    return CallView(
        call_id=talk.call_id,
        short_code=talk.short_code,
        state=talk.state,
        caller=plain(talk.identity.number),
        called=plain(talk.called_number),
        started_at=talk.started_at,
        answered_at=talk.answered_at,
        ended_at=talk.ended_at,
        end_reason=plain(talk.end_reason),
        end_status=talk.end_status,
        route=talk.route,
        showing=talk.video.showing,
        legs=(*talk.past_legs, *legs),
        facts=talk.facts,
        parties=talk.parties.views(),
        video=replace(talk.video.view, limits=limits, sends=talk.video.sends),
        extension=talk.extension,
        bound_by=talk.bound_by,
        asking=asking,
        admitted=tuple(sorted(talk.admitted)),
        strangers=tuple(talk.strangers.values()),
    )
