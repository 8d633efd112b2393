"""Somebody in a call of whom nothing is recorded from now on: said, taken back. Pure.

Every voice has a track of its own, and so has every picture; so one of them can be left out while the others go on.
"""

from __future__ import annotations

from splitter.calls.asks import Asked, Denial, LeaveOut
from splitter.calls.flows.recording import advance
from splitter.calls.states import CallState
from splitter.calls.talk.commands import Note, Steps, Tell
from splitter.calls.talk.left_out import names, person, without
from splitter.calls.talk.live import LiveCall
from splitter.media.ports.recording import takes

_MOST = 32


def on_leave_out(call: LiveCall, asked: Asked, ask: LeaveOut) -> Steps[None]:
    """Somebody is to be left out, or not any longer. Raises Denial."""
    recording = call.talk.recording
    if call.talk.state is not CallState.CONNECTED:
        raise Denial(409, "not-connected", "the call is not answered yet")
    if not call.can_record:
        raise Denial(409, "no-recording", "recording is not configured here")
    found = person(call.talk, ask.party)
    known = found is not None or ask.party in recording.nothing_of
    if not known:
        raise Denial(404, "no-such-party", f"there is no {ask.party[:40]!r} in this call")
    if ask.out and found is not None and found not in recording.left_out:
        if len(recording.left_out) >= _MOST:
            raise Denial(409, "too-many", f"{_MOST} are left out already")
        recording.left_out = (*recording.left_out, found)
        recording.reason = f"{ask.party} is left out: {ask.by}"
        yield Note(f"nothing of {ask.party} is recorded from now on: {ask.by}", kind="state")
    elif not ask.out:
        if not takes(call.recorded.exclude, ask.party):
            raise Denial(409, "left-out-by-rule", f"the configuration leaves out {ask.party}")
        left = without(call.talk, ask.party)
        if ask.party in (now := names(call.talk, left)):
            raise Denial(409, "left-out-with", f"{ask.party} is left out with somebody else: take that one in again")
        recording.left_out, recording.nothing_of = left, now
        recording.reason = f"{ask.party} is recorded again: {ask.by}"
        yield Note(f"{ask.party} is recorded again: {ask.by}", kind="state")
    call.pending.leaving_out.append(asked)
    yield Tell()
    yield from advance(call)
