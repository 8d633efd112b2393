"""A short message, its states, and what may be heard of it. Pure.

queued ──▶ sending ──▶ sent ──▶ delivered        opened: somebody has used the link; nothing takes that back
   │          ├──▶ handed-on (to a file or program that sends it)
   │          ├──▶ unknown: it may have been sent, and nobody knows
   └──────────┴──▶ failed
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import msgspec


class SmsState(StrEnum):
    """Where a message stands."""

    QUEUED = "queued"
    SENDING = "sending"
    HANDED_ON = "handed-on"  # to whoever sends it; it may tell us what became of it
    SENT = "sent"  # the service has it
    UNKNOWN = "unknown"  # it was under way when we lost sight of it
    DELIVERED = "delivered"  # the phone has it
    OPENED = "opened"  # the link was used
    FAILED = "failed"


WAITS = frozenset({SmsState.QUEUED, SmsState.SENDING})
"""The states in which the queue has something to do."""


class Sms(msgspec.Struct, frozen=True, kw_only=True):
    """A message, and what became of it. Plain data, kept over a restart. Times are Unix seconds.

    Attributes:
        id: of the invitation; the service is told it, so that a repetition is known as one (idempotence).
        number: as the carrier is to be told it.
        text: whole, with the link; emptied once it is over.
        code: the last part of the link, for services that put it into a template of their own.
        by: who asked for it.
        deadline: from then on it is of no use, and not sent any longer.
        state, reason: where it stands, and why, in plain words.
        attempts: that were made.
        due_at: when the next one is to be made.
        taken: the service's ids of the parts that it has.
        arrived: those of them that the phone has.
    """

    id: str
    call_id: str
    number: str
    text: str
    link: str
    code: str
    created_at: float
    deadline: float
    by: str = ""
    state: SmsState = SmsState.QUEUED
    reason: str = ""
    changed_at: float = 0.0
    attempts: int = 0
    due_at: float = 0.0
    taken: tuple[str, ...] = ()
    arrived: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SmsChanged:
    """News of a message: it is not as it was."""

    sms: Sms


# ---- what came of an attempt -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Taken:
    """News that the service has it: `ids` are those of its parts that receipts will name, empty for none."""

    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HandedOn:
    """News that somebody else has it who is to send it; `note` says who, in plain words."""

    note: str


@dataclass(frozen=True, slots=True)
class TryAgain:
    """News that it was surely not sent, and may be another time.

    Attributes:
        wait_s: how long the service wants to be left alone; 0 for our own pause.
        all: others would fare no better meanwhile.
        ids: of the parts that the service has already.
    """

    reason: str
    wait_s: float = 0.0
    all: bool = False
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TurnedDown:
    """News that the service does not send it, now or later."""

    reason: str


@dataclass(frozen=True, slots=True)
class InDoubt:
    """News that it may have been sent: the answer did not come. Only a receipt can tell."""

    reason: str


Attempted = Taken | HandedOn | TryAgain | TurnedDown | InDoubt


# ---- what a receipt says -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SmsReceipt:
    """What a service tells later: `id` is its own of a part, or ours of a message; `state`: sent, delivered, failed."""

    id: str
    state: SmsState
    reason: str = ""


class SmsCarrier(Protocol):
    """A way out for messages. It raises nothing but cancellation: its faults are outcomes."""

    @property
    def name(self) -> str: ...

    @property
    def alarm(self) -> str:
        """The fault that keeps it from sending, in plain words; "" for none."""
        ...

    @property
    def repeats(self) -> bool:
        """True where the service knows a repetition by its id, and sends it once: what is in doubt is tried again."""
        ...

    async def start(self) -> None:
        """Begin to be there; returns at once."""
        ...

    async def stop(self) -> None: ...

    async def send(self, sms: Sms) -> Attempted:
        """Make one attempt, bounded in time."""
        ...
