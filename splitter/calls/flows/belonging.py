"""Whose call it is: what follows when it becomes an agent's, for the desks and for the room. Pure."""

from __future__ import annotations

from splitter.calls.talk.commands import Count, Counted, LookUpDesk, Notify, Steps, Tell
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.media_commands import BringIn


def give_to(call: LiveCall, extension: str, by: str) -> Steps[None]:
    """The call belongs to the agent with this extension; "" takes that back. `by`: as `CallView.bound_by` says."""
    talk = call.talk
    if extension == talk.extension:
        return
    talk.extension, talk.bound_by = extension, by if extension else ""
    talk.admitted.clear()  # by who had it before
    for party in talk.parties.all():
        if party.desk.extension == extension and party.name in talk.room.aside:
            talk.room.aside.discard(party.name)
            yield BringIn(party.name)
    yield Tell()  # first: whose it is now is to hear it
    yield Notify("bound", f"bound to {extension}, by {by}" if extension else f"bound to nobody any more, by {by}")
    here = any(party.desk.extension == extension for party in talk.parties.all())
    online = here or (yield from LookUpDesk(extension))
    yield Count(Counted.BINDINGS, "bound" if online else "no-client" if extension else "nobody")
    if extension and not online:
        yield Notify("no-video-client", f"no video client of {extension} is online")
