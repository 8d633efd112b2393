"""The messages, what is tried when, and what they are from then on. Pure: time and chance are arguments.

    add ──▶ QUEUED ──begin──▶ SENDING ──end──▶ SENT, HANDED_ON, FAILED, UNKNOWN, or QUEUED again after a pause
                                                  └── receipt ──▶ DELIVERED or FAILED
                                                  └── note ─────▶ whatever the one who knows says, such as OPENED

Nothing is sent twice: what was SENDING when a process ended, or got no answer, is UNKNOWN, unless the service knows it
by its id. States only go on: a late or repeated receipt takes nothing back.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from splitter.core.pauses import doubled_s
from splitter.sms.message import (
    WAITS,
    Attempted,
    HandedOn,
    InDoubt,
    Sms,
    SmsReceipt,
    SmsState,
    Taken,
    TryAgain,
    TurnedDown,
)
from splitter.sms.smpp.receipt import same_ids

KEPT_S = 6 * 3600.0
"""A message is remembered for so long after its deadline: for receipts, and for those who ask."""
_STRAYS = 200  # receipts that came before the answer which names their message
_MOST_KEPT = 10_000

_RANK = {
    SmsState.QUEUED: 0,
    SmsState.SENDING: 1,
    SmsState.HANDED_ON: 2,
    SmsState.UNKNOWN: 2,
    SmsState.SENT: 3,
    SmsState.FAILED: 4,
    SmsState.DELIVERED: 5,
    SmsState.OPENED: 6,
}


@dataclass(frozen=True, slots=True)
class SmsRules:
    """How hard it is tried.

    Attributes:
        attempts: the most for one message.
        most: messages that wait; one more is refused.
        first_pause_s, longest_pause_s: between attempts, doubled each time.
    """

    attempts: int = 20
    most: int = 1000
    first_pause_s: float = 1.0
    longest_pause_s: float = 30.0


class SmsQueue:
    """Every message that is known. Times are Unix seconds.

    Args:
        repeats: the carrier's service knows a message that comes again, and sends it once.
    """

    def __init__(self, rules: SmsRules, repeats: bool) -> None:
        self._rules = rules
        self._repeats = repeats
        self._known: OrderedDict[str, Sms] = OrderedDict()
        self._waiting: dict[str, None] = {}  # ids, in the order of their coming
        self._by_service: dict[str, str] = {}  # the service's id of a part → ours
        self._strays: OrderedDict[str, SmsReceipt] = OrderedDict()
        self._held_until = 0.0
        self._refusals = 0  # in a row, of all that were tried

    # ---- coming in -----------------------------------------------------------------------------------------------

    def add(self, sms: Sms, wall: float) -> Sms:
        """Keep one more. Returns: as it is now; FAILED where too many wait."""
        if (known := self._known.get(sms.id)) is not None:
            return known
        if len(self._waiting) >= self._rules.most:
            return self._keep(sms, wall, SmsState.FAILED, "too many messages wait")
        return self._keep(sms, wall, SmsState.QUEUED)

    def refuse(self, sms: Sms, reason: str, wall: float) -> Sms:
        """Keep one that is not to be sent."""
        return self._keep(sms, wall, SmsState.FAILED, reason)

    def restore(self, sms: Sms, wall: float) -> Sms:
        """Take up one of a former process. Returns: as it is now."""
        if sms.state is not SmsState.SENDING:
            return self._keep(sms, sms.changed_at, sms.state, sms.reason)
        why = "the gateway was restarted while it was sent"
        if self._repeats:
            return self._keep(sms, wall, SmsState.QUEUED, why)
        return self._keep(sms, wall, SmsState.UNKNOWN, f"{why}: it may have arrived")

    # ---- going out -----------------------------------------------------------------------------------------------

    def next_at(self) -> float | None:
        """When there is something to do; None for nothing, until something comes."""
        due = [max(self._known[one].due_at, self._held_until) for one in self._queued()]
        ends = [self._known[one].deadline for one in self._queued()]
        return min((*due, *ends), default=None)

    def begin(self, wall: float) -> Sms | None:
        """The message to send now, as SENDING, which is to be kept before it is sent; None for none."""
        if wall < self._held_until:
            return None
        due = next((one for one in self._queued() if self._known[one].due_at <= wall), None)
        if due is None:
            return None
        sms = self._known[due]
        return self._keep(replace(sms, attempts=sms.attempts + 1), wall, SmsState.SENDING, sms.reason)

    def end(self, key: str, outcome: Attempted, wall: float, chance: float) -> Sms:
        """Take in what came of the attempt.

        Args:
            chance: from 0 to 1; takes up to half off the pause.
        """
        sms = self._known[key]
        if sms.state is not SmsState.SENDING:  # a receipt, or whoever opened the link, was quicker than the answer
            ids = outcome.ids if isinstance(outcome, Taken) else sms.taken
            return self._keep(replace(sms, taken=ids), sms.changed_at, sms.state, sms.reason)
        if not (isinstance(outcome, TryAgain) and outcome.all):
            self._refusals = 0
        match outcome:
            case Taken(ids):
                sms = self._keep(replace(sms, taken=ids), wall, SmsState.SENT)
                return self._match_strays(sms, wall)
            case HandedOn(note):
                return self._keep(sms, wall, SmsState.HANDED_ON, note)
            case TurnedDown(reason):
                return self._keep(sms, wall, SmsState.FAILED, reason)
            case InDoubt(reason) if not self._repeats:
                return self._keep(sms, wall, SmsState.UNKNOWN, reason)
            case InDoubt(reason):
                return self._again(sms, TryAgain(reason, all=True), wall, chance)
            case TryAgain():
                return self._again(replace(sms, taken=outcome.ids or sms.taken), outcome, wall, chance)

    def expire(self, wall: float) -> list[Sms]:
        """End what has waited too long. Returns: what has changed."""
        late = [one for one in self._queued() if self._known[one].deadline <= wall]
        return [self._keep(self._known[one], wall, SmsState.FAILED, self._late(self._known[one])) for one in late]

    # ---- what is heard later -------------------------------------------------------------------------------------

    def receive(self, receipt: SmsReceipt, wall: float) -> Sms | None:
        """Take in a receipt. Returns: the message that has changed; None for none."""
        ident = self._ours(receipt.id)
        sms = self._known.get(ident) if ident else None
        if sms is None:
            self._strays[receipt.id] = receipt
            while len(self._strays) > _STRAYS:
                self._strays.popitem(last=False)
            return None
        if receipt.state is SmsState.DELIVERED and receipt.id != sms.id:
            arrived = tuple(dict.fromkeys((*sms.arrived, *_among(receipt.id, sms.taken))))
            if arrived == sms.arrived:
                return None
            sms = replace(sms, arrived=arrived)
            if len(arrived) < len(sms.taken) or sms.state in WAITS:
                return self._keep(sms, wall, sms.state, sms.reason)
            self._known[sms.id] = sms
        return self.note(sms.id, receipt.state, receipt.reason, wall)

    def note(self, key: str, state: SmsState, reason: str, wall: float) -> Sms | None:
        """Take in what somebody knows of it. Returns: the message, where that is news."""
        sms = self._known.get(key)
        if sms is None or _RANK[state] <= _RANK[sms.state]:
            return None
        return self._keep(sms, wall, state, reason)

    def cancel(self, key: str, reason: str, wall: float) -> Sms | None:
        """Send it no longer. Returns: the message, where it waited; an attempt that is under way is the last one."""
        sms = self._known.get(key)
        if sms is None or sms.state not in WAITS:
            return None
        if sms.state is SmsState.SENDING:
            self._known[key] = replace(sms, deadline=wall)
            return None
        return self._keep(sms, wall, SmsState.FAILED, reason)

    # ---- what there is -------------------------------------------------------------------------------------------

    def get(self, key: str) -> Sms | None:
        """The message of this id."""
        return self._known.get(key)

    def of_call(self, call_id: str) -> list[Sms]:
        """The messages of a call, the oldest first."""
        return [sms for sms in self._known.values() if sms.call_id == call_id]

    def oldest_s(self, wall: float) -> float:
        """How long the oldest that waits has waited; 0 for none."""
        return max((wall - self._known[one].created_at for one in self._waiting), default=0.0)

    def forget(self, wall: float) -> list[str]:
        """Forget what nobody will ask about any longer. Returns: their ids."""
        old = [key for key, sms in self._known.items() if sms.state not in WAITS and sms.deadline + KEPT_S <= wall]
        spare = len(self._known) - len(old) - _MOST_KEPT
        if spare > 0:
            ended = (key for key, sms in self._known.items() if sms.state not in WAITS and key not in old)
            old += [key for key, _ in zip(ended, range(spare), strict=False)]
        for key in old:
            for ident in self._known.pop(key).taken:
                for alias in {ident.lower(), *same_ids(ident)}:
                    if self._by_service.get(alias) == key:
                        del self._by_service[alias]
        return old

    def __len__(self) -> int:
        """Messages that wait."""
        return len(self._waiting)

    # ---- inside --------------------------------------------------------------------------------------------------

    def _queued(self) -> Iterable[str]:
        return (one for one in self._waiting if self._known[one].state is SmsState.QUEUED)

    def _keep(self, sms: Sms, wall: float, state: SmsState, reason: str = "") -> Sms:
        """The one place where a message changes."""
        sms = replace(sms, state=state, reason=reason, changed_at=wall)
        if state in WAITS:
            self._waiting[sms.id] = None
        else:
            self._waiting.pop(sms.id, None)
            sms = replace(sms, text="", link="", code="")  # what is over need not be kept for others to read
        for ident in sms.taken:
            self._by_service[ident.lower()] = sms.id
            for alias in same_ids(ident):  # the same number written otherwise, unless it is another one's own
                self._by_service.setdefault(alias, sms.id)
        self._known[sms.id] = sms
        return sms

    def _again(self, sms: Sms, outcome: TryAgain, wall: float, chance: float) -> Sms:
        if sms.attempts >= self._rules.attempts:
            return self._keep(sms, wall, SmsState.FAILED, f"{sms.attempts} attempts: {outcome.reason}")
        rules = self._rules
        pause_s = doubled_s(rules.first_pause_s, rules.longest_pause_s, sms.attempts - 1, chance)
        if outcome.all:
            held_s = doubled_s(outcome.wait_s or rules.first_pause_s, rules.longest_pause_s, self._refusals, chance)
            self._held_until = max(self._held_until, wall + held_s)
            self._refusals += 1
            pause_s = min(pause_s, held_s)
        due_at = wall + max(pause_s, min(outcome.wait_s, rules.longest_pause_s))
        if due_at >= sms.deadline:
            return self._keep(sms, wall, SmsState.FAILED, f"not sent in time: {outcome.reason}")
        return self._keep(replace(sms, due_at=due_at), wall, SmsState.QUEUED, outcome.reason)

    def _late(self, sms: Sms) -> str:
        return f"not sent in time: {sms.reason}" if sms.reason else "not sent in time"

    def _ours(self, ident: str) -> str:
        if ident in self._known:
            return ident
        return next((self._by_service[alias] for alias in same_ids(ident) if alias in self._by_service), "")

    def _match_strays(self, sms: Sms, wall: float) -> Sms:
        """Take in the receipts that came before the answer did."""
        for ident in [one for one in self._strays if self._ours(one) == sms.id]:
            self.receive(self._strays.pop(ident), wall)
        sms = self._known[sms.id]
        if sms.state is SmsState.SENT and sms.taken and len(sms.arrived) >= len(sms.taken):
            return self._keep(sms, wall, SmsState.DELIVERED)
        return sms


def _among(ident: str, taken: tuple[str, ...]) -> list[str]:
    """Which of these ids that one is."""
    aliases = set(same_ids(ident))
    return [one for one in taken if aliases.intersection(same_ids(one))]
