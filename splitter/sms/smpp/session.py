"""One SMPP connection, from bind to unbind: what to send, what was heard, when to look. Pure: time is an argument.

    begin ──bind──▶ BINDING ──resp──▶ BOUND ──unbind──▶ LEAVING
                                      │  submit_sm ─▶ resp: Answered
                                      │  deliver_sm ─▶ resp, Heard
                                      └  silence ─▶ enquire_link ─▶ resp, or Hangup

Whoever owns it sends what `Send` says, and asks `next_timeout`. When the connection is gone, `unanswered` names the
messages that may have been taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from splitter.core.errors import LocalError, PeerError
from splitter.sms.message import SmsReceipt
from splitter.sms.smpp import status as statuses
from splitter.sms.smpp.pdu import Pdu, PduReader, SmppCommand, bind_transceiver, deliver_sm, message_id_of
from splitter.sms.smpp.receipt import receipt_of

_LAST_SEQUENCE = 0x7FFFFFFF  # §5.1.4


@dataclass(frozen=True, slots=True)
class SmppLogin:
    """Our name and password at the service."""

    system_id: str
    password: str
    system_type: str = ""


@dataclass(frozen=True, slots=True)
class SmppTiming:
    """How patient we are.

    Attributes:
        answer_s: for a response to anything of ours.
        enquire_s: of silence, after which we ask whether it is there.
        window: submit_sm that may wait for their responses at a time.
    """

    answer_s: float = 10.0
    enquire_s: float = 30.0
    window: int = 10


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes for the connection."""

    data: bytes


@dataclass(frozen=True, slots=True)
class SessionBound:
    """News that messages may be submitted."""


@dataclass(frozen=True, slots=True)
class SubmitAnswered:
    """News of a submitted message: `message_id` is the service's where `status` is OK."""

    key: int
    status: int
    message_id: str


@dataclass(frozen=True, slots=True)
class ReceiptHeard:
    """News of a message that was submitted before."""

    receipt: SmsReceipt


@dataclass(frozen=True, slots=True)
class SessionOver:
    """News that the connection is of no use any longer, and why: it is to be closed."""

    reason: str


SessionOutput = Send | SessionBound | SubmitAnswered | ReceiptHeard | SessionOver


class SmppState(StrEnum):
    """Where a connection stands."""

    BINDING = "binding"
    BOUND = "bound"
    LEAVING = "leaving"
    OVER = "over"


class SmppSession:
    """The machine of one connection."""

    def __init__(self, login: SmppLogin, timing: SmppTiming) -> None:
        self._login = login
        self._timing = timing
        self._reader = PduReader()
        self._sequence = 0
        self._asked: dict[int, tuple[SmppCommand, float, int]] = {}  # sequence → what, until when, key of a submit
        self._quiet_until = 0.0
        self.state = SmppState.BINDING

    @property
    def room(self) -> int:
        """The number of messages that may be submitted now."""
        if self.state is not SmppState.BOUND:
            return 0
        return max(0, self._timing.window - len(self.unanswered))

    @property
    def unanswered(self) -> list[int]:
        """The keys of messages whose response is still to come."""
        return [key for command, _, key in self._asked.values() if command is SmppCommand.SUBMIT_SM]

    def begin(self, now: float) -> list[SessionOutput]:
        """The connection is open."""
        login = self._login
        body = bind_transceiver(login.system_id, login.password, login.system_type)
        return [self._ask(SmppCommand.BIND_TRANSCEIVER, body, now)]

    def submit(self, key: int, body: bytes, now: float) -> SessionOutput:
        """Submit a message. Raises LocalError where there is no room."""
        if not self.room:
            raise LocalError("a message was submitted without room for it")
        return self._ask(SmppCommand.SUBMIT_SM, body, now, key)

    def leave(self, now: float) -> list[SessionOutput]:
        """Say that we go."""
        if self.state is not SmppState.BOUND:
            return [self._end("it was given up")]
        self.state = SmppState.LEAVING
        return [self._ask(SmppCommand.UNBIND, b"", now)]

    def receive(self, data: bytes, now: float) -> list[SessionOutput]:
        """Bytes came."""
        self._quiet_until = now + self._timing.enquire_s
        outputs: list[SessionOutput] = []
        try:
            for pdu in self._reader.feed(data):
                outputs += self._answered(pdu) if pdu.is_response else self._asked_for(pdu)
        except PeerError as error:
            outputs.append(self._end(error.reason))
        return outputs

    def next_timeout(self) -> float | None:
        """When `on_timeout` has something to do."""
        if self.state is SmppState.OVER:
            return None
        due = [until for _, until, _ in self._asked.values()]
        if self.state is SmppState.BOUND:
            due.append(self._quiet_until)
        return min(due, default=None)

    def on_timeout(self, now: float) -> list[SessionOutput]:
        """Time has passed."""
        late = [command for command, until, _ in self._asked.values() if now >= until]
        if late:
            return [self._end(f"no answer to {late[0].name.lower()} in {self._timing.answer_s:g} s")]
        if self.state is SmppState.BOUND and now >= self._quiet_until:
            self._quiet_until = now + self._timing.enquire_s
            return [self._ask(SmppCommand.ENQUIRE_LINK, b"", now)]
        return []

    # ---- inside --------------------------------------------------------------------------------------------------

    def _ask(self, command: SmppCommand, body: bytes, now: float, key: int = 0) -> Send:
        self._sequence = self._sequence % _LAST_SEQUENCE + 1
        self._asked[self._sequence] = (command, now + self._timing.answer_s, key)
        self._quiet_until = max(self._quiet_until, now + self._timing.enquire_s)
        return Send(Pdu(command, statuses.OK, self._sequence, body).encoded())

    def _answered(self, pdu: Pdu) -> list[SessionOutput]:
        command, _, key = self._asked.pop(pdu.sequence, (None, 0.0, 0))
        match command:
            case SmppCommand.BIND_TRANSCEIVER if pdu.status == statuses.OK:
                self.state = SmppState.BOUND
                return [SessionBound()]
            case SmppCommand.BIND_TRANSCEIVER:
                return [self._end(f"it refuses the bind: {statuses.words(pdu.status)}")]
            case SmppCommand.SUBMIT_SM:
                ident = message_id_of(pdu.body) if pdu.status == statuses.OK else ""
                return [SubmitAnswered(key, pdu.status, ident)]
            case SmppCommand.UNBIND:
                return [self._end("we have left")]
            case _:
                return []  # an enquire_link's, or one that comes too late

    def _asked_for(self, pdu: Pdu) -> list[SessionOutput]:
        if pdu.command == SmppCommand.ENQUIRE_LINK:
            return [_response(SmppCommand.ENQUIRE_LINK_RESP, pdu)]
        if pdu.command == SmppCommand.UNBIND:
            return [_response(SmppCommand.UNBIND_RESP, pdu), self._end("the service has left")]
        if pdu.command != SmppCommand.DELIVER_SM:
            return [_response(SmppCommand.GENERIC_NACK, pdu, statuses.UNKNOWN_COMMAND)]
        if self.state not in (SmppState.BOUND, SmppState.LEAVING):
            return [_response(SmppCommand.GENERIC_NACK, pdu, statuses.NOT_BOUND)]
        # Taken whatever it says: one that we cannot read would come again for ever.
        taken = Send(Pdu(SmppCommand.DELIVER_SM_RESP, statuses.OK, pdu.sequence, b"\0").encoded())
        try:
            receipt = receipt_of(deliver_sm(pdu.body))
        except PeerError:
            receipt = None
        return [taken, ReceiptHeard(receipt)] if receipt else [taken]

    def _end(self, reason: str) -> SessionOver:
        self.state = SmppState.OVER
        return SessionOver(reason)


def _response(command: SmppCommand, pdu: Pdu, status: int = statuses.OK) -> Send:
    return Send(Pdu(command, status, pdu.sequence).encoded())
