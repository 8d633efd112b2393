"""One call of a lab agent: its INVITE and what follows in the dialog (RFC 3261, RFC 3264). Does I/O through the driver.

It knows nothing of media: a `CallMedia` writes and reads the session descriptions.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from splitter.core.errors import PeerError
from splitter.core.net import Flow
from splitter.lab.call_ports import CallMedia, CallOwner
from splitter.lab.consent import REFUSALS, Consent, Reaction
from splitter.sip.dialog import Dialog
from splitter.sip.events import (
    AckArrived,
    AckTimedOut,
    CancelArrived,
    RequestArrived,
    RequestFailed,
    ResponseArrived,
    SipEvent,
    TransactionId,
)
from splitter.sip.message import Request, Response
from splitter.sip.multipart import find_part

SDP = "application/sdp"
ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE"
_GLARE_S = (2.1, 4.0)  # the wait of who has made the call (RFC 3261 §14.1)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a request of ours ended. `response` is None where none came (then status is 408 or 503)."""

    status: int
    reason: str
    response: Response | None = None

    @property
    def accepted(self) -> bool:
        return 200 <= self.status < 300


class AgentCall:
    """One call of an agent, from either side.

    Attributes:
        state: "calling", "early", "confirmed" or "ended".
        end_reason: who ended it and how; "" before.
        responses: status and whether it carried SDP, of each response to the first INVITE.
        final: the 2xx or refusal of the first INVITE, once it is there.
        offers_in: re-INVITEs and UPDATEs of the peer.
        consent: given the offer of a re-INVITE, how its user answers; None where the user need not be asked.
    """

    def __init__(self, agent: CallOwner, party: CallMedia, flow: Flow) -> None:
        self.party = party
        self.state = "calling"
        self.end_reason = ""
        self.responses: list[tuple[int, bool]] = []
        self.final: Response | None = None
        self.offers_in: list[Request] = []
        self.consent: Callable[[bytes], Consent | None] = lambda offer: None
        self.dialog: Dialog | None = None
        self.sip_call_id = ""
        self._agent = agent
        self._flow = flow
        self._invite: Request | None = None
        self._invite_txn: TransactionId | None = None
        self._server_txn: TransactionId | None = None
        self._server_invite: Request | None = None
        self._answered: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._ended = asyncio.Event()
        self._offering = False
        self._cancelled = False
        self._pondered: tuple[TransactionId, Request] | None = None  # a re-INVITE that its user thinks about

    # ---- what the user of a call does ----

    async def answered(self, limit_s: float = 60.0) -> Outcome:
        """Wait for the final response to our INVITE."""
        async with asyncio.timeout(limit_s):
            return await asyncio.shield(self._answered)

    async def ended(self, limit_s: float = 60.0) -> str:
        """Wait for the end; returns why."""
        async with asyncio.timeout(limit_s):
            await self._ended.wait()
        return self.end_reason

    async def reoffer(self, limit_s: float = 60.0) -> Outcome:
        """re-INVITE with the party's present offer; a refusal leaves the session as it was."""
        self._offering = True
        try:
            return await self._ask("INVITE", self.party.offer(), SDP, limit_s)
        finally:
            self._offering = False

    async def change(self) -> Outcome:
        """`reoffer`, and again where both sides have asked at once (RFC 3261 §14.1)."""
        while True:
            outcome = await self.reoffer()
            if outcome.status != 491:
                return outcome
            await asyncio.sleep(random.uniform(*_GLARE_S))

    async def inform(self, content_type: str, body: bytes, limit_s: float = 60.0) -> Outcome:
        """Send INFO (RFC 6086)."""
        return await self._ask("INFO", body, content_type, limit_s)

    async def hang_up(self, limit_s: float = 60.0, headers: Iterable[tuple[str, str]] = ()) -> Outcome | None:
        """BYE if answered, CANCEL if not; None if it was over already."""
        match self.state:
            case "ended":
                return None
            case "confirmed":
                self._finish("we sent BYE")
                return await self._ask("BYE", b"", None, limit_s, headers)
            case _ if self._server_invite is not None:
                self.refuse(480)
                return None
            case _:
                self.cancel()
                return await self.answered(limit_s)

    def cancel(self) -> None:
        """CANCEL our INVITE; the outcome is in `answered`. A 200 that crosses it is followed by BYE."""
        if self._invite_txn is not None and not self._answered.done():
            self._cancelled = True
            self._agent.driver.cancel(self._invite_txn)

    def decide(self, answer: Reaction) -> None:
        """Answer for a user who is still being asked for video."""
        if self._pondered is not None:
            self._decide(self._pondered[0], answer)

    def ring(self, status: int = 180) -> None:
        """Answer an incoming INVITE provisionally."""
        assert self._server_invite is not None and self._server_txn is not None and self.dialog is not None
        self.state = "early"
        response = self._server_invite.respond(status, to_tag=self.dialog.local_tag, headers=self._agent.contact())
        self._agent.driver.respond(self._server_txn, response)

    def accept(self) -> None:
        """Answer an incoming INVITE with 200 and the party's description.

        Raises:
            PeerError: the party cannot answer the offer.
        """
        assert self._server_invite is not None and self._server_txn is not None
        self._respond_with_description(self._server_txn, self._server_invite)
        self.state = "confirmed"

    def refuse(self, status: int) -> None:
        """Refuse an incoming INVITE."""
        assert self._server_invite is not None and self._server_txn is not None and self.dialog is not None
        self._agent.driver.respond(self._server_txn, self._server_invite.respond(status, to_tag=self.dialog.local_tag))
        self._finish(f"we refused it with {status}")

    # ---- outgoing ----

    def begin(self, invite: Request) -> None:
        """Send the first INVITE."""
        self._invite, self.sip_call_id = invite, invite.call_id
        self._invite_txn = self._agent.driver.request(invite, self._flow, self._on_invite_event)

    async def _ask(
        self,
        method: str,
        body: bytes,
        content_type: str | None,
        limit_s: float,
        headers: Iterable[tuple[str, str]] = (),
    ) -> Outcome:
        assert self.dialog is not None
        extra = [*headers, *(self._agent.contact() if method == "INVITE" else ())]
        request = self.dialog.request(method, headers=extra, body=body, content_type=content_type)
        done: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._agent.driver.request(request, self._way(), partial(self._on_reply, request, done))
        async with asyncio.timeout(limit_s):
            return await done

    def _on_reply(self, request: Request, done: asyncio.Future[Outcome], event: SipEvent) -> None:
        match event:
            case ResponseArrived(txn, response) if response.status >= 200:
                outcome = Outcome(response.status, response.reason, response)
                if request.method == "INVITE" and outcome.accepted and self.dialog:
                    self.dialog.refresh(response)
                    self._acknowledge(txn, request, self.dialog)
                    if not done.done():
                        self._take_answer(response)
                if not done.done():
                    done.set_result(outcome)
            case RequestFailed(_, status, reason) if not done.done():
                done.set_result(Outcome(status, reason))

    def _on_invite_event(self, event: SipEvent) -> None:
        match event:
            case ResponseArrived(txn, response):
                self._on_invite_response(txn, response)
            case RequestFailed(_, status, reason):
                self._conclude(Outcome(status, reason))

    def _on_invite_response(self, txn: TransactionId, response: Response) -> None:
        assert self._invite is not None
        if response.status == 100:
            return
        sdp = find_part(response, SDP)
        self.responses.append((response.status, sdp is not None))
        if response.status < 200:
            if self.state != "ended":
                self.state = "early"
                self._take_answer(response)
        elif response.status < 300:
            self._on_success(txn, self._invite, response)
        else:
            self.final = response
            self._conclude(Outcome(response.status, response.reason, response))

    def _on_success(self, txn: TransactionId, invite: Request, response: Response) -> None:
        dialog = Dialog.as_uac(invite, response)
        self._acknowledge(txn, invite, dialog)
        if self._answered.done() or self._cancelled:  # another branch of a fork, or it crossed our CANCEL
            bye = dialog.request("BYE")
            self._agent.driver.request(bye, self._agent.flow_to(dialog.next_hop, self._flow), _ignore)
            if self._cancelled:
                self._conclude(Outcome(487, "cancelled; the answer crossed"))
            return
        self.final, self.dialog, self.state = response, dialog, "confirmed"
        self._agent.driver.register(dialog.id, self._on_request_event)
        self._take_answer(response)
        self._answered.set_result(Outcome(response.status, response.reason, response))

    def _acknowledge(self, txn: TransactionId, invite: Request, dialog: Dialog) -> None:
        self._agent.driver.acknowledge(
            txn, dialog.ack(invite.cseq[0]), self._agent.flow_to(dialog.next_hop, self._flow)
        )

    def _take_answer(self, response: Response) -> None:
        sdp = find_part(response, SDP)
        if sdp is not None:
            self.party.answered(sdp)

    def _conclude(self, outcome: Outcome) -> None:
        self._finish(f"{outcome.status} {outcome.reason}")
        if not self._answered.done():
            self._answered.set_result(outcome)

    # ---- incoming ----

    def take(self, event: RequestArrived, local_tag: str) -> None:
        """Begin as the called side."""
        self._server_txn, self._server_invite = event.txn, event.request
        self.sip_call_id = event.request.call_id
        self.dialog = Dialog.as_uas(event.request, local_tag)
        self._agent.driver.adopt(event.txn, self._on_server_event)
        self._agent.driver.register(self.dialog.id, self._on_request_event)

    def _on_server_event(self, event: SipEvent) -> None:
        match event:
            case CancelArrived(txn) if self._pondered is not None and txn == self._pondered[0]:
                self._give_up_pondering()
            case CancelArrived(txn):
                assert self._server_invite is not None and self.dialog is not None
                gone = self._server_invite.respond(487, to_tag=self.dialog.local_tag)
                self._agent.driver.respond(txn, gone)
                self._finish("cancelled by the peer")
            case AckArrived(_, request):
                sdp = find_part(request, SDP)
                if sdp is not None:  # the answer to an offer of our 200 (RFC 3261 §13.2.1)
                    self.party.answered(sdp)
            case AckTimedOut():
                self._finish("no ACK to our 200")

    def _on_request_event(self, event: SipEvent) -> None:
        if not isinstance(event, RequestArrived) or self.dialog is None:
            return
        request, txn = event.request, event.txn
        try:
            self.dialog.receive(request)
            self._on_request(txn, request)
        except PeerError as error:
            self._agent.driver.respond(txn, request.respond(error.status, headers=[("Warning", f'399 lab "{error}"')]))

    def _on_request(self, txn: TransactionId, request: Request) -> None:
        match request.method:
            case "BYE":
                self._agent.driver.respond(txn, request.respond(200))
                self._give_up_pondering()
                self._finish("the peer sent BYE")
            case "INVITE" | "UPDATE" if self._offering:
                self._agent.driver.respond(txn, request.respond(491))  # RFC 3261 §14.2, RFC 3311 §5.2
            case "INVITE" | "UPDATE" if self._pondered is not None and find_part(request, SDP) is not None:
                self._agent.driver.respond(txn, request.respond(500, headers=[("Retry-After", "1")]))
            case "INVITE":
                self.offers_in.append(request)
                self._agent.driver.adopt(txn, self._on_server_event)
                self._on_reinvite(txn, request)
            case "UPDATE":
                self.offers_in.append(request)
                self._respond_with_description(txn, request)
            case "INFO":
                self.party.information(request.content_type, request.body)
                self._agent.driver.respond(txn, request.respond(200))
            case "OPTIONS":
                self._agent.driver.respond(txn, request.respond(200, headers=[("Allow", ALLOW)]))
            case _:
                self._agent.driver.respond(txn, request.respond(501))

    def _on_reinvite(self, txn: TransactionId, request: Request) -> None:
        offer = find_part(request, SDP)
        consent = self.consent(offer) if offer is not None else None
        if consent is None:
            self._respond_with_description(txn, request)
            return
        self._pondered = txn, request
        self._agent.driver.respond(txn, request.respond(180, headers=self._agent.contact()))
        if consent.answer is not Reaction.IGNORE:
            asyncio.get_running_loop().call_later(consent.after_s, self._decide, txn, consent.answer)

    def _decide(self, txn: TransactionId, answer: Reaction) -> None:
        """The user has made up its mind."""
        if self._pondered is None or self._pondered[0] != txn:
            return  # the question was taken back meanwhile
        (_, request), self._pondered = self._pondered, None
        if answer in REFUSALS:
            self._agent.driver.respond(txn, request.respond(REFUSALS[answer]))
        else:
            self.party.consented(answer is Reaction.ACCEPT)
            self._respond_with_description(txn, request)

    def _give_up_pondering(self) -> None:
        if self._pondered is not None:
            (txn, request), self._pondered = self._pondered, None
            self._agent.driver.respond(txn, request.respond(487))

    def _respond_with_description(self, txn: TransactionId, request: Request) -> None:
        """200 with our answer; to an INVITE without an offer our 200 makes one; to an UPDATE without, nothing."""
        assert self.dialog is not None
        offer = find_part(request, SDP)
        body = self.party.answer(offer) if offer is not None else b""
        if offer is None and request.method == "INVITE":
            body = self.party.offer()
        response = request.respond(
            200,
            to_tag=self.dialog.local_tag,
            headers=self._agent.contact(),
            body=body,
            content_type=SDP if body else None,
        )
        self._agent.driver.respond(txn, response)

    def _way(self) -> Flow:
        assert self.dialog is not None
        return self._agent.flow_to(self.dialog.next_hop, self._flow)

    def _finish(self, reason: str) -> None:
        if self.state == "ended":
            return
        self.state, self.end_reason = "ended", reason
        if self.dialog is not None:
            self._agent.driver.unregister(self.dialog.id)
        self._ended.set()


def _ignore(event: SipEvent) -> None:
    """For a BYE whose answer changes nothing."""
