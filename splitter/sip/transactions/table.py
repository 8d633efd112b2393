"""The vocabulary in which the four machines are written (RFC 3261 §17, RFC 6026). Pure.

Everything that affects a transition is in the four tables; the sides only carry out actions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import TypeAlias


class TransactionState(StrEnum):
    """Where a transaction is; the names of the RFCs, and some of our own."""

    CALLING = auto()
    TRYING = auto()
    PROCEEDING = auto()
    UNCONFIRMED = auto()  # PROCEEDING while a reliable provisional response waits for its PRACK (RFC 3262 §3)
    ACCEPTED = auto()
    ACKNOWLEDGED = auto()  # ACCEPTED after the ACK: only absorbs (our split of RFC 6026's state)
    COMPLETED = auto()
    CONFIRMED = auto()
    ABANDONED = auto()  # CALLING after the user's own limit, while a late response may come
    RECALLED = auto()  # the same once its late provisional response was answered by CANCEL
    TERMINATED = auto()


class Event(StrEnum):
    """What can happen to a transaction. Single letters are timers that fired."""

    START = auto()

    # From the network.
    REQUEST = auto()  # the request that made the server transaction, again
    ACK = auto()
    PROVISIONAL = auto()  # 1xx
    SUCCESS = auto()  # 2xx
    REFUSAL = auto()  # 3xx-6xx
    TRANSPORT_ERROR = auto()

    # From the user.
    CANCEL = auto()
    SEND_PROVISIONAL = auto()
    SEND_RELIABLE = auto()  # a provisional response with RSeq (RFC 3262)
    PRACK = auto()  # the user has seen the PRACK to it
    SEND_SUCCESS = auto()
    SEND_REFUSAL = auto()

    # Timers.
    A = auto()
    B = auto()
    D = auto()
    E = auto()
    F = auto()
    G = auto()
    H = auto()
    I = auto()  # noqa: E741 - the RFC's letter
    J = auto()
    K = auto()
    L = auto()
    M = auto()
    RESEND_2XX = auto()  # RFC 3261 §13.3.1.4: belongs to the core there, to the machine here
    RESEND_1XX = auto()  # RFC 3262 §3: so does this one
    PRACK_LIMIT = auto()
    CANCEL_LIMIT = auto()  # RFC 3261 §9.1: 64*T1 after CANCEL
    ANSWER_LIMIT = auto()  # a user that never answers a non-INVITE request


class Action(StrEnum):
    """What a side carries out."""

    SEND = auto()  # the message of the event becomes the one that is re-sent
    SEND_ONCE = auto()  # the message of the event, which does not
    RESEND = auto()  # the same bytes again
    BACK_OFF = auto()  # re-arm the retransmission timer that fired, with twice the gap, up to its cap
    SLOW_DOWN = auto()  # re-arm it with T2
    DELIVER = auto()  # hand the message to the user
    DELIVER_SUCCESS = auto()  # hand a 2xx to the user, or re-send its ACK if this To tag is known
    SEND_ACK = auto()  # make and send the ACK to a refusal
    SEND_CANCEL = auto()
    REMEMBER_CANCEL = auto()  # RFC 3261 §9.1: no CANCEL before a provisional response
    RECALL_CANCEL = auto()  # now there is one
    REPORT_TIMEOUT = auto()
    REPORT_CANCEL_TIMEOUT = auto()
    REPORT_TRANSPORT = auto()
    REPORT_ACK = auto()
    REPORT_ACK_MISSING = auto()
    REPORT_PRACK_MISSING = auto()


RETRANSMISSIONS = frozenset({Event.A, Event.E, Event.G, Event.RESEND_2XX, Event.RESEND_1XX})


@dataclass(frozen=True, slots=True)
class Step:
    """One cell of a table.

    Attributes:
        actions: carried out in order, after the state has changed.
        next: the state afterwards.
        start: timers to start; at most one retransmission timer and one limit.
        keep: timers that go on although the state changes; all others stop with it.
    """

    actions: tuple[Action, ...]
    next: TransactionState
    start: tuple[Event, ...] = ()
    keep: tuple[Event, ...] = ()


Transitions: TypeAlias = Mapping[TransactionState, Mapping[Event, Step]]
