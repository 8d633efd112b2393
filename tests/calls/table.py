"""Looks and steps that the tests of the header table share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from splitter.calls.peers.facts import CallerFacts
from splitter.calls.view import CallView
from splitter.sdp.model import Media
from splitter.sip.message import Message, Response
from tests.calls.kit import ended, joined
from tests.world import Heard, PeerCall, World
from tests.world.peer import session_of
from tests.world.world import _HOSTS

GATEWAY = frozenset(_HOSTS.values())
TRUST = [
    pytest.param((), True, id="both trusted"),
    pytest.param(("sbc",), False, id="caller's network untrusted"),
    pytest.param(("pbx",), False, id="centre untrusted"),
    pytest.param(("sbc", "pbx"), False, id="neither trusted"),
]
"""Who is not trusted, and whether the two trust each other."""


def header(heard: Heard | Message, name: str) -> list[str]:
    """All lines of a header, in a message or in what was heard."""
    message = heard.message if isinstance(heard, Heard) else heard
    assert message is not None
    return message.headers.get_all(name)


def told(world: World, call: PeerCall) -> list[Message]:
    """Everything that the gateway sent in a peer's call."""
    return [sent.message for sent in world.wire.sent[call.sip_call_id] if sent.source.host in GATEWAY]


def view(world: World, caller: PeerCall) -> CallView:
    call = world.call_of(caller)
    return call.view()


def facts(world: World, caller: PeerCall) -> CallerFacts:
    return view(world, caller).facts


def notes(world: World, caller: PeerCall) -> list[str]:
    return [event.text for event in world.trace_of(caller) if event.kind != "message"]


@contextmanager
def whole_call(world: World, *headers: tuple[str, str]) -> Iterator[tuple[PeerCall, PeerCall, PeerCall]]:
    """A call with a seat: caller, centre and seat. It ends in order afterwards."""
    caller = world.sbc.invite(headers=headers)
    centre = world.pbx.take()
    centre.ring(180)
    caller.expect("180")
    centre.answer()
    caller.expect("200")
    yield caller, centre, joined(world, caller)
    ended(world, caller, centre)


def lines_of(message: Message) -> tuple[Media, ...]:
    """The m-lines in a message."""
    session = session_of(message)
    assert session is not None
    return session.media


def is_status(message: Message, status: int) -> bool:
    return isinstance(message, Response) and message.status == status
