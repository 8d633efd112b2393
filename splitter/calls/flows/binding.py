"""The call goes to an agent's desk, and from one to another: what the centre says of it, and what follows.

Pure.
"""

from __future__ import annotations

from splitter.calls.events import AgentNamed
from splitter.calls.flows.belonging import give_to
from splitter.calls.flows.consent import passed_on
from splitter.calls.flows.seats import forget_party, join_seat
from splitter.calls.peers.binding import Unclear
from splitter.calls.talk.commands import Count, Counted, Notify, SendBye, Steps, Tell
from splitter.calls.talk.live import LiveCall


def on_agent(call: LiveCall, event: AgentNamed) -> Steps[None]:
    """The centre names the agent who has the call; what is unclear is shown, and changes nothing."""
    if call.centre is None or event.sip_call_id != call.centre.sip_call_id:
        return  # a route that was given up
    said = event.said
    if isinstance(said, Unclear):
        yield Count(Counted.BINDINGS, "unclear")
        yield Notify("binding-unclear", said.text)
    else:
        yield from bind_call(call, said.extension, f"centre {said.source}")


def bind_call(call: LiveCall, extension: str, by: str) -> Steps[None]:
    """The call is this extension's from now on; the former one's video ends, unless the operator wants it otherwise."""
    former = call.talk.extension
    if extension == former:
        return
    yield from give_to(call, extension, by)
    yield from passed_on(call, join_seat)
    if not former or not call.settings.leave_on_transfer:
        return
    for party in call.talk.parties.all():
        if party.desk.extension == former and not party.kind.invited:
            if leg := call.seats.get(party.name):
                yield SendBye(leg.key)
            yield from forget_party(call, party.name)
            whom = f"to {extension}" if extension else "on"
            yield Notify("party-removed", f"{party.name} is gone: the call was passed {whom}", party.name)
    yield Tell()
