"""The call goes to an agent's desk, and from one to another: what the centre says of it, and what follows."""

from __future__ import annotations

from splitter.calls.binding import Unclear
from splitter.calls.call import Call
from splitter.calls.events import AgentNamed
from splitter.calls.flows.consent import passed_on
from splitter.calls.flows.seats import forget, join
from splitter.calls.states import PartyKind
from splitter.telemetry import metrics


def on_agent(call: Call, event: AgentNamed) -> None:
    """The centre names the agent who has the call; what is unclear is shown, and changes nothing."""
    if call.centre is None or event.sip_call_id != call.centre.sip_call_id:
        return  # a route that was given up
    said = event.said
    if isinstance(said, Unclear):
        metrics.BINDINGS.labels("unclear").inc()
        call.notice("binding-unclear", said.text)
    else:
        bind(call, said.extension, f"centre {said.source}")


def bind(call: Call, extension: str, by: str) -> None:
    """The call is this extension's from now on; the former one's video ends, unless the operator wants it otherwise."""
    former = call.talk.extension
    if extension == former:
        return
    call.bind(extension, by)
    passed_on(call, join)
    if not former or not call.services.settings.leave_on_transfer:
        return
    for party in call.talk.parties.all():
        if party.desk.extension == former and party.kind is not PartyKind.GUEST:
            if leg := call.seats.get(party.name):
                leg.bye()
            forget(call, party.name)
            whom = f"to {extension}" if extension else "on"
            call.notice("party-removed", f"{party.name} is gone: the call was passed {whom}", party.name)
    call.tell()
