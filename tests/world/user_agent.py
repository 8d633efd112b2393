"""What every user agent does by itself in a call: its dialog, ACK and PRACK, 200 to BYE, 487 after CANCEL, 491 at glare, the
refresh of its session. The script of a test stands on top of it, in `peer_call`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from splitter.core.errors import PeerError
from splitter.core.net import Flow
from splitter.sdp.model import Session
from splitter.sdp.parse import parse
from splitter.sdp.write import write
from splitter.sip import events as sip
from splitter.sip.dialog import Dialog
from splitter.sip.headers import Headers
from splitter.sip.message import Message, Request, Response
from splitter.sip.multipart import find_part
from splitter.sip.transactions.matching import response_key

if TYPE_CHECKING:
    from tests.world.peer import Peer

SDP = "application/sdp"
Pairs = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Heard:
    """Something that a call of a peer heard: "INVITE", "180", "200", "ACK", "CANCEL", "BYE", "failed 408" …

    A response to anything but the first INVITE names its method: "200 BYE", "200 re-INVITE".
    """

    what: str
    message: Message | None = None
    session: Session | None = None


class UserAgent:
    """One call of a peer: its dialog, and what it heard.

    Attributes:
        state: "early", "confirmed" or "ended". status: of the first INVITE's final response; 0 before.
        number: who calls, as this peer knows it.
        invite: the first INVITE, sent or received.
        unread: what was heard and not yet read by `expect` or `next`.
        acks: send the ACK of a 2xx (a script may forbid it).
        pracks: send the PRACK of a reliable response (a script may forbid it, and use `prack`).
        answers: statuses and headers for requests of a method, instead of 200.
        allow: the Allow that it shows. extra: more headers for its requests and responses.
        statuses: what it answers to requests such as INFO, by method; 200 by default.
        keeps_time: agree to session timers that the gateway asks for (RFC 4028).
        on_reinvite: what to do with a re-INVITE that could be answered; `PeerCall.accept` by default.
        pending: the peer's re-INVITE that the script still has to answer; its transaction and request.
        offering: our INVITE or re-INVITE is without a final response.
        declined: how many re-INVITEs it refused.
        vanished: see `vanish`.
    """

    def __init__(self, peer: Peer, sip_call_id: str, number: str) -> None:
        self.peer = peer
        self.sip_call_id = sip_call_id
        self.number = number
        self.terminal = peer.terminal()
        self.state = "early"
        self.status = 0
        self.invite: Request
        self.unread: deque[Heard] = deque()
        self.heard: list[str] = []
        self.acks = True
        self.pracks = True
        self.answers: dict[str, tuple[int, Pairs]] = {}
        self.allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK"
        self.extra: list[tuple[str, str]] = []
        self.statuses: dict[str, int] = {}
        self.keeps_time = False
        self.on_reinvite: Callable[[Any], None] = lambda call: None
        self.pending: tuple[str, Request] | None = None
        self.offering = ""
        self.cancelled = False
        self.declined = 0
        self.vanished = False
        self.dialog: Dialog | None = None
        self.unacknowledged: set[str] = set()
        self._txn = ""
        self.early_dialogs: dict[str, Dialog] = {}  # server side: by fork
        self.early_answers: dict[str, Session] = {}  # by the tag of whoever sent them
        self.open_offer: Session | None = None  # ours that is open, in `offering` or in a 2xx of ours
        self.offer_cseq = 0
        self._offered_in_2xx = ""
        self._bye_waits = False
        self._updating: Session | None = None  # our offer in an UPDATE
        self.rseq: dict[str, int] = {}  # server side: of the last reliable response, by fork
        self._unconfirmed = ""  # server side: the fork whose reliable response waits for its PRACK
        self._progressed = ""  # the re-INVITE that was answered in a reliable 183
        self._before: tuple[Session | None, Session | None] = (None, None)  # what was in force before it
        self._held: deque[Callable[[], None]] = deque()  # responses that wait for that PRACK
        self._reliably: set[str] = set()  # server side: forks that have their answer
        self._heard_rseq: dict[str, int] = {}  # client side, by To tag
        self.refreshing: asyncio.TimerHandle | None = None
        self._news = asyncio.Event()

    @property
    def settled(self) -> bool:
        """Confirmed, and no INVITE of either side is under way."""
        busy = self.offering or self.pending or self.unacknowledged or self._updating
        return self.state == "confirmed" and not busy

    def refuse(self, status: int, headers: Pairs = ()) -> None:
        """A final refusal."""
        self._held.clear()
        self.respond_first(status, None, "", headers)

    def decline(self, status: int, headers: Pairs = ()) -> None:
        """Refuse the pending re-INVITE."""
        if self.pending is None:
            return
        (txn, request), self.pending = self.pending, None
        self.declined += 1
        if txn == self._progressed:  # all of it is taken back (RFC 6141 §3.4)
            self._progressed = self._unconfirmed = ""
            self.terminal.ours, self.terminal.theirs = self._before
        self.peer.driver.respond(txn, request.respond(status, headers=headers))

    def request(self, method: str, headers: Pairs = (), body: bytes = b"", content_type: str | None = None) -> None:
        """Any other request in the dialog; its answer is heard as "200 INFO"."""
        dialog = self.dialog or next(iter(self.early_dialogs.values()))
        request = dialog.request(method, headers=headers, body=body, content_type=content_type)
        offered = method == "UPDATE" and bool(body)
        self.peer.driver.request(request, self.way(dialog), partial(self._on_answer, method, offered=offered))

    def bye(self, headers: Pairs = ()) -> None:
        """Hang up. Who answered the call waits for the ACK first (RFC 3261 §15)."""
        if self.state != "confirmed":
            return
        if self.unacknowledged and self._txn in self.unacknowledged:
            self._bye_waits = True
            return
        self._end()
        self.request("BYE", headers)

    def on_event(self, event: sip.SipEvent) -> None:
        if self.vanished:
            return
        match event:
            case sip.ResponseArrived():
                self._on_response(event)
            case sip.RequestFailed():
                self._on_failure(event)
            case sip.RequestArrived():
                if not self.peer.guard(event):
                    self._on_request(event)
            case sip.CancelArrived():
                self._on_cancel(event)
            case sip.AckArrived():
                self._on_ack(event)
            case sip.PrackTimedOut() if self.pending and event.txn == self.pending[0]:
                self.decline(500)
            case sip.PrackTimedOut():
                self._unconfirmed = ""
                self.refuse(500)
                self.hear("no PRACK")
            case sip.AckTimedOut():
                self.unacknowledged.discard(event.txn)
                self.hear("no ACK")
                self._bye_waits = False
                self.bye()

    def _on_response(self, event: sip.ResponseArrived) -> None:
        response, first = event.response, event.txn == self._txn
        if response.status == 100:
            return
        if first:
            self._on_first_response(response)
        elif event.txn == self.offering and response.status >= 200:
            self._on_offer_response(response)

    def _on_first_response(self, response: Response) -> None:
        session = session_of(response)
        if response.status < 200:
            tag = response.to_tag
            if not self._is_next(response):
                return
            if tag and self.open_offer is not None and session is not None:
                self.early_answers.setdefault(tag, session)
            if tag and tag not in self.early_dialogs:
                self.early_dialogs[tag] = Dialog.as_uac(self.invite, response)
                self.peer.driver.register(self.early_dialogs[tag].id, self.on_event)
            if tag and "rseq" in response.headers and self.pracks:
                self._confirm_provisional(self.early_dialogs[tag], response)
        elif response.status < 300:
            self._on_success(response, session)
            if self.state == "ended":
                return
        else:
            self.offering, self.status = "", response.status
            self._end()
        self.hear(str(response.status), response, session)

    def _on_success(self, response: Response, session: Session | None) -> None:
        dialog = self.early_dialogs.get(response.to_tag or "")
        if dialog is not None:
            dialog.confirm(response)
        else:
            dialog = Dialog.as_uac(self.invite, response)
        first = not self.status
        if first:
            self.offering, self.status = "", response.status
            self._confirm(dialog)
        answer = None
        if first and self.open_offer is None and session is not None:  # it makes the offer; the ACK answers
            answer = self.terminal.answer(session)
            self.terminal.agree(answer, session)
        body, kind = (write(answer), SDP) if answer else (b"", None)
        ack = dialog.ack(self.invite.cseq[0], body=body, content_type=kind)
        if self.acks:
            self.peer.driver.acknowledge(self._txn, ack, self.way(dialog))
        if not first or self.cancelled:  # a second branch, or it crossed our CANCEL (RFC 3261 §13.2.2.4, §9.1)
            if first:
                self._end()
            bye = dialog.request("BYE")
            self.peer.driver.request(bye, self.way(dialog), lambda event: None)
            return
        session = self.early_answers.get(response.to_tag or "") or session
        if self.open_offer is not None and session is not None:
            self.terminal.agree(self.open_offer, session)
        self._keep_refreshing(response, "uac")

    def _is_next(self, response: Response) -> bool:
        """RFC 3262 §4: of reliable responses, repetitions and those ahead of their turn are ignored."""
        if "rseq" not in response.headers:
            return True
        number, before = int(response.headers.get("rseq") or 0), self._heard_rseq.get(response.to_tag or "")
        if before is not None and number != before + 1:
            return False
        self._heard_rseq[response.to_tag or ""] = number
        return True

    def _confirm_provisional(self, dialog: Dialog, response: Response) -> None:
        rack = f"{response.headers.get('rseq')} {self.invite.cseq[0]} INVITE"
        request = dialog.request("PRACK", headers=[("RAck", rack)])
        self.peer.driver.request(request, self.way(dialog), partial(self._on_answer, "PRACK"))

    def _keep_refreshing(self, message: Message, role: str) -> None:
        """Refresh the session at half its length, where that was agreed to be ours (RFC 4028 §10)."""
        value, _, refresher = (message.headers.get("session-expires") or "").partition(";refresher=")
        if self.refreshing is not None:
            self.refreshing.cancel()
        if value and refresher == role:
            loop = asyncio.get_running_loop()
            self.refreshing = loop.call_later(int(value) / 2, self._do_refresh, int(value))

    def timer_lines(self, request: Request) -> list[tuple[str, str]]:
        """What our 2xx says of the timer that a request asks for; ours to keep from now on, if it says "uas"."""
        value, _, refresher = (request.headers.get("session-expires") or "").partition(";refresher=")
        if not value or not self.keeps_time:
            return []
        lines = [("Session-Expires", f"{value};refresher={refresher or 'uac'}"), ("Require", "timer")]
        self._keep_refreshing(Request("UPDATE", "", Headers(lines)), "uas")
        return lines

    def _do_refresh(self, interval_s: int) -> None:
        self.refreshing = None
        if self.state == "confirmed" and not self.vanished:
            lines = [*self.own_headers(), ("Supported", "timer"), ("Session-Expires", f"{interval_s};refresher=uac")]
            self.request("UPDATE", lines)

    def _on_offer_response(self, response: Response) -> None:
        self.offering = ""
        session = session_of(response)
        assert self.dialog is not None
        if response.status < 300:
            self.dialog.refresh(response)
            answer = None
            if self.open_offer is None and session is not None:  # ours had none: theirs is the offer, the ACK answers
                answer = self.terminal.answer(session)
                self.terminal.agree(answer, session)
            elif self.open_offer is not None and session is not None:
                self.terminal.agree(self.open_offer, session)
            body, kind = (write(answer), SDP) if answer else (b"", None)
            ack = self.dialog.ack(self.offer_cseq, body=body, content_type=kind)
            self.peer.driver.acknowledge(response_key(response), ack, self.way())
        elif response.status in (408, 481):
            self._end()
        self.hear(f"{response.status} re-INVITE", response, session)

    def _on_failure(self, event: sip.RequestFailed) -> None:
        if event.txn == self._txn:
            self.offering, self.status = "", event.status
            self._end()
        elif event.txn == self.offering:
            self.offering = ""
            if event.status == 408:
                self.bye()
        self.hear(f"failed {event.status}")

    def _on_answer(self, method: str, event: sip.SipEvent, offered: bool = False) -> None:
        if isinstance(event, sip.ResponseArrived) and event.response.status >= 200:
            if method == "UPDATE":
                self._on_updated(event.response, offered)
            if method != "PRACK":
                self.hear(f"{event.response.status} {method}", event.response, session_of(event.response))
        elif isinstance(event, sip.RequestFailed):
            self._updating = None if offered else self._updating
            self.hear(f"failed {event.status} {method}")

    def _on_updated(self, response: Response, offered: bool) -> None:
        offer = self._updating if offered else None
        self._updating = None if offered else self._updating
        answer = session_of(response)
        if response.status < 300:
            if offer is not None and answer is not None:
                self._agree_early(offer, answer, response)
            self._keep_refreshing(response, "uac")
        elif response.status == 481:
            self._end()

    def _agree_early(self, offer: Session, answer: Session, response: Response) -> None:
        """Offer and answer in UPDATE or PRACK; before the 200 to the INVITE they are what it will find in force."""
        self.terminal.agree(offer, answer)
        if self.state == "early":
            self.open_offer = offer
            self.early_answers[response.to_tag or ""] = answer

    def _on_request(self, event: sip.RequestArrived) -> None:
        request, driver = event.request, self.peer.driver
        dialog = self._dialog_of(request)
        try:
            dialog.receive(request)
        except PeerError as error:
            driver.respond(event.txn, request.respond(error.status))
            return
        match request.method:
            case "INVITE" if self.offering or self._offered_in_2xx or self._updating:
                driver.respond(event.txn, request.respond(491))
                self.hear("glare", request)
            case "INVITE" if self.pending:
                driver.respond(event.txn, request.respond(500, headers=[("Retry-After", "1")]))
            case "INVITE":
                self.pending = (event.txn, request)
                driver.adopt(event.txn, self.on_event)
                self.hear("INVITE", request, session_of(request))
                self.on_reinvite(self)
            case method if method in self.answers:
                status, lines = self.answers[method]
                driver.respond(event.txn, request.respond(status, headers=lines))
                self.hear(method, request)
            case "UPDATE" if session_of(request) is not None:
                self._on_update(event)
            case "PRACK":
                self._on_prack(event)
            case "BYE":
                driver.respond(event.txn, request.respond(200))
                if self.pending:
                    self.decline(487)
                self._end()
                self.hear("BYE", request)
            case method:
                lines = [*self.own_headers(), *self.timer_lines(request)] if method == "UPDATE" else ()
                driver.respond(event.txn, request.respond(self.statuses.get(method, 200), headers=lines))
                self.hear(method, request)

    def _on_update(self, event: sip.RequestArrived) -> None:
        """An offer in an UPDATE is answered at once (RFC 3311 §5.2)."""
        request, driver = event.request, self.peer.driver
        if self.pending and self.pending[0] != self._progressed:
            driver.respond(event.txn, request.respond(500, headers=[("Retry-After", "1")]))
        elif (self.offering and self.dialog) or self._updating or self._offered_in_2xx:
            driver.respond(event.txn, request.respond(491))
        else:
            offer = session_of(request)
            assert offer is not None
            answer = self.terminal.answer(offer)
            self.terminal.agree(answer, offer)
            driver.respond(
                event.txn, request.respond(200, headers=self.own_headers(), body=write(answer), content_type=SDP)
            )
        self.hear("UPDATE", request, session_of(request))

    def _on_prack(self, event: sip.RequestArrived) -> None:
        driver, status = self.peer.driver, 200 if self._unconfirmed else 481
        driver.respond(event.txn, event.request.respond(status))
        self.hear("PRACK", event.request, session_of(event.request))
        self._unconfirmed = ""
        driver.confirm_provisional(self._txn)
        driver.confirm_provisional(self._progressed)
        while self._held and not self._unconfirmed:
            self._held.popleft()()

    def _dialog_of(self, request: Request) -> Dialog:
        early = (dialog for dialog in self.early_dialogs.values() if dialog.local_tag == request.to_tag)
        return self.dialog or next(
            (d for d in early if d.remote_tag == request.from_tag), next(iter(self.early_dialogs.values()))
        )

    def _on_cancel(self, event: sip.CancelArrived) -> None:
        if event.txn == self._txn and self.state == "early":
            self.respond_first(487, None, "", ())
        elif self.pending and event.txn == self.pending[0]:
            self.decline(487)
        self.hear("CANCEL", event.request)

    def _on_ack(self, event: sip.AckArrived) -> None:
        self.unacknowledged.discard(event.txn)
        session = session_of(event.request)
        if self._offered_in_2xx == event.txn:
            self._offered_in_2xx = ""
            if session is not None and self.open_offer is not None:
                self.terminal.agree(self.open_offer, session)
        if event.txn == self._txn or session is not None:
            self.hear("ACK", event.request, session)
        if self._bye_waits:
            self._bye_waits = False
            self.bye()

    def hear(self, what: str, message: Message | None = None, session: Session | None = None) -> None:
        self.heard.append(what)
        self.unread.append(Heard(what, message, session))
        self._news.set()

    def offered_session(self) -> Session:
        offer = session_of(self.invite)
        assert offer is not None
        return offer

    def respond_first(self, status: int, session: Session | None, fork: str, headers: Pairs) -> None:
        if self.state != "early":
            return
        dialog = self.early_dialogs.get(fork)
        if dialog is None:
            dialog = self.early_dialogs[fork] = Dialog.as_uas(self.invite, self.peer.ids.tag())
            self.peer.driver.register(dialog.id, self.on_event)
        if status >= 200:
            self.status = status
        if 200 <= status < 300:
            self.unacknowledged.add(self._txn)
            self._confirm(dialog)
        elif status >= 300:
            self._end()
        body, kind = (write(session), SDP) if session is not None else (b"", None)
        lines = [*self.own_headers(), *headers, *(self.timer_lines(self.invite) if 200 <= status < 300 else ())]
        response = self.invite.respond(status, to_tag=dialog.local_tag, headers=lines, body=body, content_type=kind)
        self.peer.driver.respond(self._txn, response)

    def _confirm(self, dialog: Dialog) -> None:
        self.state = "confirmed"
        self._forget_early()
        self.dialog = dialog
        self.peer.driver.register(dialog.id, self.on_event)

    def _end(self) -> None:
        self.state = "ended"
        if self.pending is not None and not self.vanished:
            (txn, request), self.pending = self.pending, None
            self.peer.driver.respond(txn, request.respond(487))
        if self.refreshing is not None:
            self.refreshing.cancel()
        self._forget_early()
        if self.dialog is not None:
            self.peer.driver.unregister(self.dialog.id)

    def _forget_early(self) -> None:
        for dialog in self.early_dialogs.values():
            self.peer.driver.unregister(dialog.id)

    def way(self, dialog: Dialog | None = None) -> Flow:
        dialog = dialog or self.dialog
        assert dialog is not None
        gateway = self.peer.gateway
        return self.peer.driver.locate("net", dialog.next_hop, gateway.transport) or gateway

    def own_headers(self) -> list[tuple[str, str]]:
        return [("Contact", f"<sip:{self.peer.name}@{self.peer.address}>"), ("Allow", self.allow), *self.extra]


def session_of(message: Message) -> Session | None:
    """The description in a message."""
    body = find_part(message, SDP)
    return parse(body) if body else None
