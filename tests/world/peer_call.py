"""One call of a peer as a script sees it: what it may read, and what it may do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from splitter.lab.offers import VideoLine
from splitter.sdp.model import Session
from splitter.sdp.write import write
from splitter.sip import events as sip
from splitter.sip.headers import Headers
from splitter.sip.message import Request, Response
from tests.world.user_agent import SDP, Heard, Pairs, UserAgent, session_of

if TYPE_CHECKING:
    from tests.world.peer import Peer


class PeerCall(UserAgent):
    """A call of a peer. See `UserAgent` for its attributes and for what it does by itself."""

    def __init__(self, peer: Peer, sip_call_id: str, number: str) -> None:
        super().__init__(peer, sip_call_id, number)
        self.on_reinvite: Callable[[PeerCall], None] = PeerCall.accept

    # ---- reading ----

    def expect(self, what: str, limit_s: float = 10.0) -> Heard:
        """Run the world until this call hears something; it must be `what`."""
        world = self.peer.world
        if not world.loop.run_until(lambda: bool(self.unread), limit_s):
            raise AssertionError(f"{self} waits for {what}, and nothing came in {limit_s:g} s\n{world.ladder(self)}")
        heard = self.unread.popleft()
        if heard.what != what:
            raise AssertionError(f"{self} waits for {what}, and {heard.what} came\n{world.ladder(self)}")
        return heard

    def hears_nothing(self, for_s: float) -> None:
        """Run the world for so long; nothing may come that was not read."""
        world = self.peer.world
        if world.loop.run_until(lambda: bool(self.unread), for_s):
            raise AssertionError(f"{self} hears {self.unread[0].what}\n{world.ladder(self)}")

    async def next(self, timeout_s: float) -> Heard | None:
        """What is heard next; None after `timeout_s`. For scripts that run as tasks."""
        try:
            async with asyncio.timeout(timeout_s):
                while not self.unread:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return None
        return self.unread.popleft()

    # ---- as the caller ----

    def dial(
        self, uri: str, offer: Session | None, headers: Pairs, parts: Sequence[bytes] = (), sender: str = ""
    ) -> None:
        peer = self.peer
        sender = sender or f"<sip:{self.number}@{peer.address}>"
        lines = Headers(
            [
                ("From", f"{sender};tag={peer.ids.tag()}"),
                ("To", f"<{uri}>"),
                ("Call-ID", self.sip_call_id),
                ("CSeq", "1 INVITE"),
                *self.own_headers(),
                *headers,
            ]
        )
        body = write(offer) if offer is not None else b""
        if parts:
            own = [b"Content-Type: application/sdp\r\n\r\n" + body] if body else []
            body = b"".join(b"--a part\r\n%b\r\n" % part for part in (*parts, *own)) + b"--a part--\r\n"
            lines.add("Content-Type", 'multipart/mixed; boundary="a part"')
        elif body and "content-type" not in lines:
            lines.add("Content-Type", SDP)
        self.invite = Request("INVITE", uri, lines, body)
        self.open_offer = offer
        self.offering = self._txn = peer.driver.request(self.invite, peer.gateway, self.on_event)

    def cancel(self, reason: str | None = None) -> None:
        """CANCEL the first INVITE; a 200 that crosses is acknowledged and followed by BYE."""
        self.cancelled = True
        self.peer.driver.cancel(self._txn, reason)

    # ---- as the called one ----

    def come(self, event: sip.RequestArrived) -> None:
        self.invite, self._txn = event.request, event.txn
        self.peer.driver.adopt(event.txn, self.on_event)
        self.hear("INVITE", event.request)
        self.peer.on_call(self)

    def ring(
        self,
        status: int = 180,
        session: Session | None = None,
        *,
        fork: str = "",
        media: bool = False,
        reliable: bool = False,
        headers: Pairs = (),
    ) -> None:
        """A provisional response.

        Args:
            session: the answer in it. media: let the terminal make one.
            fork: names one of several branches that ring; each has a To tag and an answer of its own.
            reliable: with 100rel; what comes after it waits for its PRACK.
        """
        if self._unconfirmed:
            again = partial(self.ring, status, session, fork=fork, media=media, reliable=reliable, headers=headers)
            self._held.append(again)
            return
        if media:
            session = self.early_answers.get(fork) or self.terminal.answer(self.offered_session())
        if session is not None:
            self.early_answers[fork] = session
        if fork in self._reliably:
            session = None  # the answer was given
        if reliable and self.state == "early":
            self.rseq[fork] = self.rseq.get(fork, 0) + 1
            self._unconfirmed = fork or "the only one"
            headers = [("Require", "100rel"), ("RSeq", str(self.rseq[fork])), *headers]
            if session is not None:
                self._reliably.add(fork)
                self.terminal.agree(session, self.offered_session())
        self.respond_first(status, session, fork, headers)

    def answer(self, session: Session | None = None, *, fork: str = "", headers: Pairs = (), **wanted: Any) -> None:
        """200, with what the fork said before, with `session`, or with the terminal's answer(**wanted)."""
        if self._unconfirmed:
            self._held.append(partial(self.answer, session, fork=fork, headers=headers, **wanted))
            return
        offer = session_of(self.invite)
        if fork in self._reliably:
            self.respond_first(200, None, fork, headers)
            return
        if session is None:
            if offer is None:
                wanted.pop("codec", None)
                session = self.terminal.first_offer(**{"picture": VideoLine.NONE, **wanted})
            else:
                session = self.early_answers.get(fork) or self.terminal.answer(offer, **wanted)
        self.respond_first(200, session, fork, headers)
        if offer is None:
            self.open_offer, self._offered_in_2xx = session, self._txn
        elif session is not None:
            self.terminal.agree(session, offer)

    # ---- in the call ----

    def reinvite(
        self, session: Session | None = None, *, offerless: bool = False, headers: Pairs = (), **change: Any
    ) -> None:
        """Send a re-INVITE with a description, or with the terminal's change(**change), or with none."""
        assert self.dialog is not None
        if not offerless and session is None:
            session = self.terminal.change(**change)
        body, kind = (write(session), SDP) if session is not None else (b"", None)
        lines = [*self.own_headers(), *headers]
        request = self.dialog.request("INVITE", headers=lines, body=body, content_type=kind)
        self.open_offer, self.offer_cseq = session, request.cseq[0]
        self.offering = self.peer.driver.request(request, self.way(), self.on_event)

    def update(self, session: Session | None = None, *, bare: bool = False, headers: Pairs = (), **change: Any) -> None:
        """Send an UPDATE (RFC 3311), with an offer unless it is `bare`; its answer is heard as "200 UPDATE"."""
        body, kind = b"", None
        if not bare:
            self._updating = session or self.terminal.change(**change)
            body, kind = write(self._updating), SDP
        self.request("UPDATE", [*self.own_headers(), *headers], body, kind)

    def prack(self, response: Response, session: Session | None = None, rack: str = "") -> None:
        """Confirm a reliable response, with an offer or a wrong RAck; its answer is heard as "200 PRACK"."""
        dialog = self.early_dialogs.get(response.to_tag or "") or self.dialog
        assert dialog is not None
        number, method = response.cseq
        headers = [("RAck", rack or f"{response.headers.get('rseq')} {number} {method}")]
        body, kind = (write(session), SDP) if session is not None else (b"", None)
        request = dialog.request("PRACK", headers=headers, body=body, content_type=kind)

        def heard(event: sip.SipEvent) -> None:
            if isinstance(event, sip.ResponseArrived):
                answer = session_of(event.response)
                if session is not None and answer is not None:
                    self._agree_early(session, answer, event.response)
                self.hear(f"{event.response.status} PRACK", event.response, answer)

        self.peer.driver.request(request, self.way(dialog), heard)

    def progress(self, session: Session | None = None, **wanted: Any) -> None:
        """Answer the pending re-INVITE in a reliable 183; `accept` or `decline` ends it (RFC 3262, RFC 6141)."""
        assert self.pending is not None
        txn, request = self.pending
        offer = session_of(request)
        assert offer is not None
        session = session or self.terminal.answer(offer, **wanted)
        self._before = self.terminal.ours, self.terminal.theirs
        self.terminal.agree(session, offer)
        self._unconfirmed, self._progressed = "re-INVITE", txn
        lines = [("Require", "100rel"), ("RSeq", "1"), *self.own_headers()]
        self.peer.driver.respond(txn, request.respond(183, headers=lines, body=write(session), content_type=SDP))

    def ponder(self, status: int = 180) -> None:
        """A provisional response to the pending re-INVITE: the phone asks its user."""
        assert self.pending is not None
        txn, request = self.pending
        self.peer.driver.respond(txn, request.respond(status, headers=self.own_headers()))

    def withdraw(self) -> None:
        """CANCEL our re-INVITE."""
        if self.offering:
            self.peer.driver.cancel(self.offering)

    def accept(self, session: Session | None = None, **wanted: Any) -> None:
        """Answer the pending re-INVITE with 200."""
        if self.pending is None:
            return
        if self.pending[0] == self._progressed and self._unconfirmed:
            self._held.append(partial(self.accept, session, **wanted))  # RFC 3262 §3: not before its PRACK
            return
        (txn, request), self.pending = self.pending, None
        offer = session_of(request)
        if txn == self._progressed:  # the answer was given
            self.unacknowledged.add(txn)
            self.peer.driver.respond(
                txn, request.respond(200, headers=[*self.own_headers(), *self.timer_lines(request)])
            )
            return
        if offer is None:
            assert self.terminal.ours is not None
            session = session or self.terminal.change()
            self.open_offer, self._offered_in_2xx = session, txn
        else:
            session = session or self.terminal.answer(offer, **wanted)
            self.terminal.agree(session, offer)
        self.unacknowledged.add(txn)
        lines = [*self.own_headers(), *self.timer_lines(request)]
        response = request.respond(200, headers=lines, body=write(session), content_type=SDP)
        self.peer.driver.respond(txn, response)

    def vanish(self) -> None:
        """This call's peer is gone without a word: nothing of it is heard any more, and it hears nothing."""
        self.vanished = True
        self.peer.world.wire.silenced.add(self.sip_call_id)
        self.decline(408)  # nobody hears these; the peer's own transactions end by them
        self.refuse(408)
        self.peer.driver.cancel(self.offering)
        self._end()
        self.hear("vanished")

    def __str__(self) -> str:
        return f"{self.peer.name}'s call of {self.number}"
