"""Runs the tables: what client and server side share (RFC 3261 §17). Pure: time is an argument."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from splitter.core.net import Flow
from splitter.sip.events import Output, TransactionEnded, TransactionId
from splitter.sip.message import Message
from splitter.sip.timers import Timers
from splitter.sip.transactions.record import Transaction
from splitter.sip.transactions.schedule import Schedule
from splitter.sip.transactions.table import RETRANSMISSIONS, Action, Event, TransactionState

TxnT = TypeVar("TxnT", bound=Transaction)


class Wait(NamedTuple):
    """How long a timer runs: over UDP, over a reliable transport (None: it is not used there), and its cap."""

    datagram_s: float
    reliable_s: float | None
    cap_s: float = 0.0


def waits(timers: Timers) -> dict[Event, Wait]:
    """RFC 3261 table 4 and RFC 6026 §8, as numbers."""
    give_up = timers.give_up_s
    always = Wait(give_up, give_up)
    return {
        Event.A: Wait(timers.t1_s, None, float("inf")),
        Event.B: always,
        Event.D: Wait(timers.d_s, 0.0),
        Event.E: Wait(timers.t1_s, None, timers.t2_s),
        Event.F: always,
        Event.G: Wait(timers.t1_s, None, timers.t2_s),
        Event.H: always,
        Event.I: Wait(timers.t4_s, 0.0),
        Event.J: Wait(give_up, 0.0),
        Event.K: Wait(timers.t4_s, 0.0),
        Event.L: always,
        Event.M: always,
        # Over TCP too: the next hop may be reliable and the one behind it not (§13.3.1.4).
        Event.RESEND_2XX: Wait(timers.t1_s, timers.t1_s, timers.t2_s),
        # RFC 3262 §3: doubling without a cap.
        Event.RESEND_1XX: Wait(timers.t1_s, timers.t1_s, float("inf")),
        Event.PRACK_LIMIT: always,
        Event.CANCEL_LIMIT: always,
        Event.ANSWER_LIMIT: always,
    }


@dataclass(slots=True)
class Occasion:
    """One event as the actions see it.

    Attributes:
        message: the one that arrived, or that is to be sent; None for timers and errors.
        flow: what it arrived on.
        reason: of a transport error, in plain words.
        sent: the message may have arrived all the same.
        out: where outputs go.
    """

    event: Event
    now: float
    out: list[Output]
    message: Message | None
    flow: Flow | None
    reason: str
    sent: bool


class Core:
    """What both sides work on: the transactions by id, and their alarms."""

    __slots__ = ("schedule", "timers", "transactions", "waits")

    def __init__(self, timers: Timers) -> None:
        self.timers = timers
        self.waits = waits(timers)
        self.transactions: dict[TransactionId, Transaction] = {}
        self.schedule: Schedule[Transaction] = Schedule()


class TransactionSide(Generic[TxnT]):
    """One side of the layer: feeds events to machines and carries out their actions.

    A subclass adds its own actions to `_do`, and what must be forgotten with a transaction in `_forget`.
    """

    def __init__(self, core: Core) -> None:
        self._core = core
        self._do: dict[Action, Callable[[TxnT, Occasion], None]] = {
            Action.RESEND: self._resend,
            Action.BACK_OFF: self._back_off,
            Action.SLOW_DOWN: self._slow_down,
        }

    def feed(
        self,
        txn: TxnT,
        event: Event,
        now: float,
        out: list[Output],
        message: Message | None = None,
        flow: Flow | None = None,
        reason: str = "",
        sent: bool = False,
    ) -> None:
        """Let `event` happen to `txn`; what its table does not name for this state is ignored."""
        step = txn.table[txn.state].get(event)
        if step is None:
            return
        if step.next is not txn.state:
            if txn.resend is not None and txn.resend.event not in step.keep:
                self._core.schedule.cancel(txn.resend)
                txn.resend = None
            if txn.limit is not None and txn.limit.event not in step.keep:
                self._core.schedule.cancel(txn.limit)
                txn.limit = None
            txn.state = step.next
        if step.actions:
            occasion = Occasion(event, now, out, message, flow, reason, sent)
            for action in step.actions:
                self._do[action](txn, occasion)
        for timer in step.start:
            self._start(txn, timer, now, out)
        if step.next is TransactionState.TERMINATED:
            self._end(txn, out)

    def _start(self, txn: TxnT, timer: Event, now: float, out: list[Output]) -> None:
        wait = self._core.waits[timer]
        seconds = wait.reliable_s if txn.flow.reliable else wait.datagram_s
        if seconds is None:
            return
        if timer in RETRANSMISSIONS:
            txn.gap_s = seconds
            txn.resend = self._core.schedule.set(now + seconds, txn, timer)
            return
        seconds = self._limit_s(txn, timer, seconds)
        if seconds <= 0:
            self.feed(txn, timer, now, out)
        else:
            txn.limit = self._core.schedule.set(now + seconds, txn, timer)

    def _limit_s(self, txn: TxnT, timer: Event, seconds: float) -> float:
        """Lets a side replace the length of a limit."""
        return seconds

    def _end(self, txn: TxnT, out: list[Output]) -> None:
        if self._core.transactions.pop(txn.id, None) is None:
            return
        self._forget(txn)
        if not txn.own:
            out.append(TransactionEnded(txn.id))

    def _forget(self, txn: TxnT) -> None:
        """Drop what other maps hold of it."""

    def _resend(self, txn: TxnT, occasion: Occasion) -> None:
        if txn.last is not None:
            occasion.out.append(txn.last)

    def _back_off(self, txn: TxnT, occasion: Occasion) -> None:
        txn.gap_s = min(2 * txn.gap_s, self._core.waits[occasion.event].cap_s)
        txn.resend = self._core.schedule.set(occasion.now + txn.gap_s, txn, occasion.event)

    def _slow_down(self, txn: TxnT, occasion: Occasion) -> None:
        txn.gap_s = self._core.timers.t2_s
        txn.resend = self._core.schedule.set(occasion.now + txn.gap_s, txn, occasion.event)
