"""Whose call it is: what follows when it becomes an agent's, for the desks and for the room. Pure."""

from __future__ import annotations

from splitter.calls.asks import Desk
from splitter.calls.states import PartyKind
from splitter.calls.talk.commands import Count, Counted, LookUpDesk, Notify, Steps, Tell
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.media_commands import RankParticipant


def give_to(call: LiveCall, extension: str, by: str, admitted: frozenset[str] = frozenset()) -> Steps[None]:
    """The call belongs to the agent with this extension; "" takes that back.

    Args:
        by: as `CallView.bound_by` says.
        admitted: extensions that may be in it all the same.
    """
    talk = call.talk
    if extension == talk.extension:
        return
    talk.extension, talk.bound_by = extension, by if extension else ""
    talk.admitted = set(admitted)
    yield from _rank_anew(call)
    yield Tell()  # first: whose it is now is to hear it
    yield Notify("bound", f"bound to {extension}, by {by}" if extension else f"bound to nobody any more, by {by}")
    here = any(party.desk.extension == extension for party in talk.parties.all())
    online = here or (yield from LookUpDesk(extension))
    yield Count(Counted.BINDINGS, "bound" if online else "no-client" if extension else "nobody")
    if extension and not online:
        yield Notify("no-video-client", f"no video client of {extension} is online")


def rank_newcomer(call: LiveCall, name: str, kind: PartyKind, desk: Desk) -> None:
    """Note before whom a party is seen that comes in: the host's desk first, who was asked in by choice alone.

    A program's own client is nobody's desk: it joins to be seen while the host is not.
    """
    if is_anothers(call, desk.extension) or kind in (PartyKind.EXPERT, PartyKind.ONLOOKER, PartyKind.PHONE):
        call.talk.room.aside.add(name)
    elif desk.extension and desk.extension == call.talk.extension:
        call.talk.room.hosts.add(name)


def is_anothers(call: LiveCall, extension: str) -> bool:
    """True for a desk that comes into another desk's call: it is not seen until somebody chooses that."""
    return bool(extension and call.talk.extension) and extension != call.talk.extension


def _rank_anew(call: LiveCall) -> Steps[None]:
    """Another desk has the call, or none: its clients are seen first, those of the former one by choice."""
    talk, room = call.talk, call.talk.room
    for party in talk.parties.all():
        host = party.kind.is_desk and bool(talk.extension) and party.desk.extension == talk.extension
        if host == (party.name in room.hosts):
            continue
        room.forget_rank(party.name)
        if host:
            room.hosts.add(party.name)
        elif talk.extension:
            room.aside.add(party.name)
        yield RankParticipant(party.name)
