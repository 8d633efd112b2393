"""Those of a call of whom nothing is recorded: found by name, and known again under another one. Pure."""

from __future__ import annotations

from splitter.calls.parties import Party
from splitter.calls.states import PartyKind, PhoneOutcome, Side
from splitter.calls.talk.recording import LeftOut
from splitter.calls.talk.state import Talk


def person(talk: Talk, name: str) -> LeftOut | None:
    """Whoever has this name in the call; None where nobody has."""
    if name in (Side.CALLER, Side.CENTRE):
        return LeftOut(name)
    if (phone := talk.phones.get(name)) is not None:
        return LeftOut(name, "phone", phone.number)
    party = talk.parties.get(name)
    return _person(party) if party is not None else None


def names(talk: Talk) -> tuple[str, ...]:
    """The names of those who are left out, as they are called now.

    With the caller goes the caller's own browser, with the agent's voice the agent's picture.
    """
    found = set[str]()
    for one in talk.recording.left_out:
        found.add(one.name)
        found |= {party.name for party in talk.parties.all() if _is(one, party, talk.extension)}
        found |= {phone.name for phone in talk.phones.values() if one.kind == "phone" and one.who == phone.number}
    if Side.CALLER in found:
        found.add(PartyKind.GUEST.value)
    return tuple(sorted(found))


def keep_promoted(talk: Talk) -> None:
    """Leave out the centre from now on, where somebody who is left out has taken its place."""
    left = talk.recording.left_out
    if any(_promoted(talk, one) for one in left) and not any(one.name == Side.CENTRE for one in left):
        talk.recording.left_out = (*left, LeftOut(Side.CENTRE.value))


def _promoted(talk: Talk, one: LeftOut) -> bool:
    gone = (phone for phone in talk.past_phones if phone.name == one.name)
    return any(phone.outcome == PhoneOutcome.PROMOTED for phone in gone)


def _is(one: LeftOut, party: Party, agent: str) -> bool:
    if one.name == Side.CENTRE:
        return party.kind.is_desk and bool(agent) and party.desk.extension == agent
    other = _person(party)
    return bool(one.who) and (one.kind, one.who) == (other.kind, other.who)


def _person(party: Party) -> LeftOut:
    return LeftOut(party.name, party.kind.value, party.desk.extension or party.desk.title)
