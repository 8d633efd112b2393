"""The INVITE that begins a leg, as two state machines: we are its server, or its client (RFC 3261 §13). Pure.

What a leg may do before its dialog is confirmed follows from these states alone, and everything that changes them is a
step in one of the two tables. `server` and `client` take the steps.

    server   RINGING ─────accept──▶ ACCEPTED ──send 200──▶ ANSWERED        accept: the flow has an answer
                ▲                      ▲                                    send 200: no PRACK is owed any more
             resources              resources                               resources: the peer has reserved (RFC 3312)
                │                      │
             RESERVING ──accept──▶ ACCEPTED_RESERVING                       any of the four: cancel ▶ CANCELLED
                                                                            any of the five: refuse ▶ REFUSED

    client   CALLING ──2xx──▶ ANSWERED              2xx with an offer: ACK_OWED ──acknowledge──▶ ANSWERED
             CALLING ──cancel──▶ CANCELLED          a 2xx that crosses is acknowledged and followed by BYE
             CALLING ──fail──▶ FAILED
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from splitter.core.errors import LocalError


class ServerState(StrEnum):
    """How far the INVITE of a peer is."""

    RINGING = "it has no final response, and nobody has accepted it"
    RESERVING = "as RINGING, and the peer's network has yet to reserve its resources"
    ACCEPTED = "its 200 waits for a PRACK, or can go"
    ACCEPTED_RESERVING = "its 200 waits for the peer's resources"
    CANCELLED = "the peer has given it up; it is still owed a final response"
    ANSWERED = "its 200 was sent"
    REFUSED = "its final response was a failure"


class ServerStep(StrEnum):
    """What changes the state of a server."""

    ACCEPT = "accept"
    RESOURCES = "resources"
    SEND_200 = "send 200"
    CANCEL = "cancel"
    REFUSE = "refuse"


class ClientState(StrEnum):
    """How far an INVITE of ours is."""

    CALLING = "it has no final response"
    ACK_OWED = "a 2xx brought an offer; its ACK has to bring our answer"
    ANSWERED = "a 2xx was acknowledged"
    CANCELLED = "we have given it up"
    FAILED = "its final response was a failure, or it had none"


class ClientStep(StrEnum):
    """What changes the state of a client."""

    ANSWER = "2xx"
    OFFER = "2xx with an offer"
    ACKNOWLEDGE = "acknowledge"
    CANCEL = "cancel"
    FAIL = "fail"


_S, _C = ServerState, ClientState

OPEN = frozenset({_S.RINGING, _S.RESERVING, _S.ACCEPTED, _S.ACCEPTED_RESERVING})
"""The server's states in which the flow and the peer still have a choice."""

_SERVER: Mapping[ServerStep, Mapping[ServerState, ServerState]] = {
    ServerStep.ACCEPT: {_S.RINGING: _S.ACCEPTED, _S.RESERVING: _S.ACCEPTED_RESERVING},
    ServerStep.RESOURCES: {_S.RESERVING: _S.RINGING, _S.ACCEPTED_RESERVING: _S.ACCEPTED},
    ServerStep.SEND_200: {_S.ACCEPTED: _S.ANSWERED},
    ServerStep.CANCEL: dict.fromkeys(OPEN, _S.CANCELLED),
    ServerStep.REFUSE: dict.fromkeys((*OPEN, _S.CANCELLED), _S.REFUSED),
}
_CLIENT: Mapping[ClientStep, Mapping[ClientState, ClientState]] = {
    ClientStep.ANSWER: {_C.CALLING: _C.ANSWERED},
    ClientStep.OFFER: {_C.CALLING: _C.ACK_OWED},
    ClientStep.ACKNOWLEDGE: {_C.ACK_OWED: _C.ANSWERED},
    ClientStep.CANCEL: {_C.CALLING: _C.CANCELLED},
    ClientStep.FAIL: {_C.CALLING: _C.FAILED},
}


def server_after(state: ServerState, step: ServerStep) -> ServerState:
    """The state that a step leads to. Raises LocalError where it cannot be taken."""
    if (after := _SERVER[step].get(state)) is None:
        raise LocalError(f"an INVITE cannot {step}: {state}")
    return after


def client_after(state: ClientState, step: ClientStep) -> ClientState:
    """The state that a step leads to. Raises LocalError where it cannot be taken."""
    if (after := _CLIENT[step].get(state)) is None:
        raise LocalError(f"an INVITE of ours cannot {step}: {state}")
    return after
