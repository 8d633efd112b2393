"""Who takes part in a call, for a recorder elsewhere, and which of its streams each one sends. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from urllib.parse import quote

from splitter.calls.siprec.metadata import RecordedPerson
from splitter.calls.states import PartyKind, PartyState, PhoneState
from splitter.calls.view import CallView

CALLER, CENTRE = "caller", "centre"
_GLOBAL = re.compile(r"\+\d{3,15}")
_USER = "-_.!~*'()"  # RFC 3261 §25.1
_HERE = frozenset({PhoneState.JOINED, PhoneState.JOINING})


def present(view: CallView, host: str) -> tuple[RecordedPerson, ...]:
    """List those who take part now, without times; `host`: of addresses that have none of their own."""
    centre = view.extension or (view.called if view.number != view.called else "")
    found = [
        RecordedPerson(CALLER, _address(view.number, host), view.number),
        RecordedPerson(agent_of(view), _address(centre, host), centre),
    ]
    for phone in view.phones:
        if phone.state in _HERE:
            found.append(RecordedPerson(phone.name, _address(phone.number, host), phone.number))
    for party in view.parties:
        if party.state is not PartyState.LEFT and sender_of(view, party.name) == party.name:
            name = party.title or party.extension or party.name
            address = _address(party.extension or party.name, host)
            found.append(RecordedPerson(party.name, address, name, hears=False))
    return tuple({person.id: person for person in found}.values())


def agent_of(view: CallView) -> str:
    """The id of whoever speaks at the centre: another one, once the centre has handed the call on."""
    return f"{CENTRE}:{view.extension}" if view.extension else CENTRE


def sender_of(view: CallView, name: str) -> str:
    """The id of the person who sends the streams of this name."""
    if name == CALLER:
        return CALLER
    if name == CENTRE:
        return agent_of(view)
    party = next((party for party in view.parties if party.name == name), None)
    if party is not None and party.kind is PartyKind.GUEST:
        return CALLER
    if party is not None and party.extension and party.extension == view.extension:
        return agent_of(view)
    return name


def followed(
    known: Iterable[RecordedPerson], now_present: Iterable[RecordedPerson], at: float
) -> tuple[RecordedPerson, ...]:
    """Follow those who are known: who has come, and who has gone, `at` this time."""
    here = {person.id: person for person in now_present}
    found = []
    for person in known:
        now = here.pop(person.id, None)
        if now is not None:
            since = person.since if person.until is None else at
            found.append(replace(now, since=since))
        else:
            found.append(person if person.until is not None else replace(person, until=at))
    found += [replace(person, since=at) for person in here.values()]
    return tuple(found)


def _address(user: str, host: str) -> str:
    if _GLOBAL.fullmatch(user):
        return f"tel:{user}"  # RFC 3966
    if not user:
        return "sip:anonymous@anonymous.invalid"  # RFC 3323 §4.1
    return f"sip:{quote(user, _USER)}@{f'[{host}]' if ':' in host else host}"
