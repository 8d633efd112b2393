"""Those of a call of whom nothing is recorded: found by name, and known again under another one. Pure."""

from __future__ import annotations

from splitter.calls.parties import Party
from splitter.calls.states import PartyKind, PhoneOutcome, Side
from splitter.calls.talk.recording import LeftOut
from splitter.calls.talk.state import Talk
from splitter.core.numbers import WantedNumber
from splitter.media.ports.recording import takes


def person(talk: Talk, name: str) -> LeftOut | None:
    """Whoever has this name in the call; None where nobody has."""
    if name in (Side.CALLER, Side.CENTRE):
        return LeftOut(name)
    if (phone := talk.phones.get(name)) is not None:
        return LeftOut(name, "phone", phone.number)
    party = talk.parties.get(name)
    return _person(party) if party is not None else None


def names(talk: Talk, left: tuple[LeftOut, ...]) -> tuple[str, ...]:
    """The names of these, as they are called now.

    With the caller goes the caller's own browser, with the agent's voice the agent's picture.
    """
    found = set[str]()
    for one in left:
        found.add(one.name)
        found |= {party.name for party in talk.parties.all() if _is(one, party, talk.extension)}
        found |= {
            phone.name
            for phone in talk.phones.values()
            if one.kind == "phone" and WantedNumber(one.who).names(phone.number)
        }
    if Side.CALLER in found:
        found.add(PartyKind.GUEST.value)
    return tuple(sorted(found))


def keep_out(talk: Talk) -> None:
    """Leave out an agent by itself from now on whose voice is no longer the centre's, which was left out."""
    recording = talk.recording
    lost = set(recording.nothing_of) - set(names(talk, recording.left_out))
    recording.left_out += tuple(_person(party) for party in talk.parties.all() if party.name in lost)


def stay_out(talk: Talk, name: str, exclude: tuple[str, ...]) -> None:
    """Leave out the centre from now on if this phone is left out, which has taken its place.

    Args:
        exclude: whom the configuration leaves out.
    """
    recording = talk.recording
    if not takes((*exclude, *recording.nothing_of), name) and person(talk, Side.CENTRE) not in recording.left_out:
        recording.left_out += (LeftOut(Side.CENTRE.value),)


def without(talk: Talk, name: str) -> tuple[LeftOut, ...]:
    """People who are left out, but for whoever has this name, by which name ever that was said."""
    found = person(talk, name)
    promoted = {phone.name for phone in talk.past_phones if phone.outcome == PhoneOutcome.PROMOTED}
    taken = {name} | (promoted | {Side.CENTRE.value} if name in promoted or name == Side.CENTRE else set())
    same = (found.kind, found.who) if found is not None and found.who else None
    return tuple(one for one in talk.recording.left_out if one.name not in taken and (one.kind, one.who) != same)


def _is(one: LeftOut, party: Party, agent: str) -> bool:
    if one.name == Side.CENTRE:
        return party.kind.is_desk and bool(agent) and party.desk.extension == agent
    other = _person(party)
    return bool(one.who) and (one.kind, one.who) == (other.kind, other.who)


def _person(party: Party) -> LeftOut:
    return LeftOut(party.name, party.kind.value, party.desk.extension or party.desk.title)
