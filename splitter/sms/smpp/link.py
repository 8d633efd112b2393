"""The connection to an SMPP service, kept up and bound again after each break. Does I/O: asyncio streams.

What was written and not answered when a connection broke is in doubt: the service may have it. What was not written is
tried again.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress

import structlog

from splitter.core.clock import Clock
from splitter.core.ids import IdSource
from splitter.core.pauses import doubled_s
from splitter.sms.message import Attempted, InDoubt, Sms, SmsReceipt, Taken, TryAgain, TurnedDown
from splitter.sms.settings import SmppSettings
from splitter.sms.smpp import status as statuses
from splitter.sms.smpp.pdu import SmppAddress, relative_time, submit_sm
from splitter.sms.smpp.session import (
    ReceiptHeard,
    Send,
    SessionBound,
    SessionOutput,
    SessionOver,
    SmppLogin,
    SmppSession,
    SmppTiming,
    SubmitAnswered,
)
from splitter.sms.text import Piece, pieces
from splitter.telemetry import metrics

CONNECT_LIMIT_S = 10.0
LEAVE_LIMIT_S = 2.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 60.0
_BYTES = 65_536
_LOOK_S = 1.0  # how late a request that is sent while we read may find its time over
_INTERNATIONAL, _ALPHANUMERIC, _UNKNOWN = (1, 1), (5, 0), (0, 1)  # ton and npi, §5.2.5, §5.2.6

log = structlog.get_logger(__name__)


class SmppLink:
    """The carrier over one SMPP service.

    Args:
        heard: told of each receipt.
    """

    repeats = False

    def __init__(
        self, settings: SmppSettings, clock: Clock, ids: IdSource, heard: Callable[[str, SmsReceipt], None]
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._heard = heard
        self._timing = SmppTiming(settings.answer_limit_s, settings.enquire_interval_s, settings.window)
        self._session: SmppSession | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._waiting: dict[int, asyncio.Future[SubmitAnswered | None]] = {}
        self._key = 0
        self._changed = asyncio.Condition()
        self._task: asyncio.Task[None] | None = None
        self._down = "it is not connected yet"

    @property
    def name(self) -> str:
        return self._settings.name

    @property
    def alarm(self) -> str:
        """Why nothing can be sent now; "" while we are bound."""
        return f"the SMS service {self.name} cannot be used: {self._down}" if self._down else ""

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run(), name=f"SMPP {self.name}")
        self._task.add_done_callback(self._ended)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # ---- sending -------------------------------------------------------------------------------------------------

    async def send(self, sms: Sms) -> Attempted:
        """Submit the parts that the service has not yet, one after the other."""
        ids = list(sms.taken)
        reference = int.from_bytes(sms.id[-4:].encode()) % 251  # the same for each attempt, so that phones join them
        for piece in pieces(sms.text, reference, self._settings.always_ucs2)[len(ids) :]:
            answer = await self._submit(sms, piece)
            if isinstance(answer, TryAgain):
                return TryAgain(answer.reason, answer.wait_s, answer.all, tuple(ids))
            if answer is None:
                return InDoubt("the connection broke before the service had answered")
            if answer.status in statuses.THROTTLED:
                metrics.sms.THROTTLED.labels(self.name).inc()
                return TryAgain(statuses.words(answer.status), self._settings.throttle_pause_s, True, tuple(ids))
            if answer.status in statuses.PASSING or answer.status == statuses.NOT_BOUND:
                return TryAgain(statuses.words(answer.status), ids=tuple(ids))
            if answer.status != statuses.OK:
                return TurnedDown(statuses.words(answer.status))
            ids.append(answer.message_id)
        return Taken(tuple(ids))

    async def _submit(self, sms: Sms, piece: Piece) -> SubmitAnswered | TryAgain | None:
        """One part: its answer; why it was surely not written; None where nobody knows."""
        try:
            async with asyncio.timeout(self._settings.answer_limit_s), self._changed:
                await self._changed.wait_for(lambda: self._session is not None and self._session.room > 0)
        except TimeoutError:
            return TryAgain(self._down or "too many messages wait for answers", all=True)
        session = self._session
        assert session is not None
        self._key += 1
        key = self._key
        answer: asyncio.Future[SubmitAnswered | None] = asyncio.get_running_loop().create_future()
        self._waiting[key] = answer
        try:
            self._carry_out([session.submit(key, self._body(sms, piece), self._clock.now())])
            return await answer
        finally:
            self._waiting.pop(key, None)

    def _body(self, sms: Sms, piece: Piece) -> bytes:
        validity = relative_time(sms.deadline - self._clock.wall())
        source, destination = _source(self._settings.source), _destination(sms.number)
        return submit_sm(source, destination, piece.coding, piece.header, piece.data, validity)

    # ---- the connection ------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        tries = 0
        while True:
            bound = False
            try:
                bound = await self._once()
            except (OSError, TimeoutError, ssl.SSLError) as error:
                self._note(_why(error))
            tries = 0 if bound else tries + 1
            metrics.sms.CARRIER_UP.labels(self.name).set(0)
            pause_s = doubled_s(FIRST_PAUSE_S, LONGEST_PAUSE_S, max(0, tries - 1), self._ids.number(1000) / 1000)
            await asyncio.sleep(pause_s)

    async def _once(self) -> bool:
        """One connection, from its beginning to its end; True where it was bound."""
        settings = self._settings
        tls = ssl.create_default_context(cafile=settings.ca or None) if settings.tls else None
        async with asyncio.timeout(CONNECT_LIMIT_S):
            reader, writer = await asyncio.open_connection(settings.host, settings.port, ssl=tls)
        login = SmppLogin(settings.system_id, settings.password, settings.system_type)
        session, self._writer = SmppSession(login, self._timing), writer
        self._session, bound = session, False
        try:
            over = self._carry_out(session.begin(self._clock.now()))
            while over is None:
                over = self._carry_out(await self._next(session, reader))
                bound = bound or not self._down
                async with self._changed:
                    self._changed.notify_all()
            self._note(over.reason)
        except asyncio.CancelledError:
            await self._leave(session, reader)
            raise
        except OSError as error:
            self._note(_why(error))
        finally:
            self._session = self._writer = None
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_result(None)
            writer.close()
            with suppress(OSError, ssl.SSLError):
                await writer.wait_closed()
        return bound

    async def _next(self, session: SmppSession, reader: asyncio.StreamReader) -> list[SessionOutput]:
        """Whatever comes first, bytes or the next timeout; a request that is sent meanwhile has one of its own."""
        at = session.next_timeout()
        try:
            async with asyncio.timeout(_LOOK_S if at is None else min(_LOOK_S, max(0.0, at - self._clock.now()))):
                data = await reader.read(_BYTES)
        except TimeoutError:
            return session.on_timeout(self._clock.now())
        return session.receive(data, self._clock.now()) if data else [SessionOver("the service closed the connection")]

    async def _leave(self, session: SmppSession, reader: asyncio.StreamReader) -> None:
        """Unbind, so that the service does not hold the place for us."""
        with suppress(OSError, TimeoutError):
            over = self._carry_out(session.leave(self._clock.now()))
            async with asyncio.timeout(LEAVE_LIMIT_S):
                while over is None:
                    over = self._carry_out(await self._next(session, reader))

    def _carry_out(self, outputs: list[SessionOutput]) -> SessionOver | None:
        over = None
        for output in outputs:
            match output:
                case Send(data):
                    if self._writer is not None:
                        self._writer.write(data)
                case SessionBound():
                    if self._down:
                        log.info("SMS service is there", service=self.name)
                    self._down = ""
                    metrics.sms.CARRIER_UP.labels(self.name).set(1)
                case SubmitAnswered(key):
                    waiting = self._waiting.get(key)
                    if waiting is not None and not waiting.done():
                        waiting.set_result(output)
                case ReceiptHeard(receipt):
                    self._heard(self.name, receipt)
                case SessionOver():
                    over = output
        return over

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._down = "a fault in the gateway; see the log"
            log.error("SMS link failed", service=self.name, exc_info=error)

    def _note(self, reason: str) -> None:
        if reason != self._down:
            log.warning("SMS service is gone", service=self.name, reason=reason)
        self._down = reason


def _source(text: str) -> SmppAddress:
    """Our own number or name, with the type that its look tells."""
    digits = text.removeprefix("+")
    if not digits.isdigit():
        return SmppAddress(*_ALPHANUMERIC, text)
    return SmppAddress(*(_INTERNATIONAL if text.startswith("+") else _UNKNOWN), digits)


def _destination(number: str) -> SmppAddress:
    return SmppAddress(*(_INTERNATIONAL if number.startswith("+") else _UNKNOWN), number.removeprefix("+"))


def _why(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return f"no connection in {CONNECT_LIMIT_S:g} s"
    return f"{error.strerror or error}" if isinstance(error, OSError) else str(error)
