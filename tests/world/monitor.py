"""Judges what the gateway says on the wire: every offer and every answer of it must be legal (RFC 3264, RFC 3261 §13–§14).

It stands at the cable and knows nothing of the gateway's inside. One dialog is one `_Talk`; early dialogs of a fork are
talks of their own, because each is a session of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from splitter.core.errors import PeerError
from splitter.core.net import Address
from splitter.sdp.model import Session
from splitter.sdp.offer_answer import PayloadHistory, answer_faults, reoffer_faults
from splitter.sip.message import Message, Request, Response
from tests.world.peer import session_of
from tests.world.wire import Sent, label

_OWED = "the ACK does not answer the offer of the 2xx (RFC 3261 §13.2.2.4)"


@dataclass(slots=True)
class _Talk:
    """The offers and answers of one dialog.

    Attributes:
        said: the last description that the gateway sent in it. stands: the last one that took effect: a refused offer
            leaves its o= version behind, and nothing else.
        history: what its payload types have stood for, the gateway's side.
        answers: its answers by method and CSeq number.
        leaps: the gateway has died since: numbers in o= that were written down and never said are left out.
    """

    said: Session | None = None
    stands: Session | None = None
    history: PayloadHistory = field(default_factory=PayloadHistory)
    answers: dict[tuple[str, int], Session] = field(default_factory=dict)
    leaps: bool = False


class Monitor:
    """Watches the wire.

    Attributes:
        faults: what was illegal, in plain words, by SIP Call-ID.
    """

    def __init__(self, gateway: frozenset[Address]) -> None:
        self.faults: dict[str, list[str]] = {}
        self._gateway = gateway
        self._talks: dict[str, dict[tuple[str, str], _Talk]] = {}  # by Call-ID; by local and remote tag
        # Offers by (Call-ID, method, CSeq number, sent by the gateway), None for a request without one.
        self._offers: dict[str, dict[tuple[str, int, bool], Session | None]] = {}
        # Offers of the gateway that have no answer yet, by (Call-ID, CSeq number, method).
        self._open: dict[tuple[str, int, str], tuple[Request, _Talk, Session]] = {}
        self._seen: dict[str, set[bytes]] = {}

    def watch(self, sent: Sent) -> None:
        """One datagram; repetitions of the same bytes are not judged again."""
        call_id = sent.message.call_id
        seen = self._seen.setdefault(call_id, set())
        if sent.data in seen:
            return
        seen.add(sent.data)
        if sent.source in self._gateway:
            self._judge(sent.message)
        else:
            self._note(sent.message)

    def note_death(self) -> None:
        """The gateway's process was killed."""
        for talks in self._talks.values():
            for talk in talks.values():
                talk.leaps = True

    def forget(self, sip_call_id: str) -> None:
        for kept in (self.faults, self._talks, self._offers, self._seen):
            kept.pop(sip_call_id, None)

    # ---- inside ----

    def _note(self, message: Message) -> None:
        """What a peer says: its offers, and its answers to offers in our 2xx, which complete them."""
        if isinstance(message, Request) and message.method in ("INVITE", "UPDATE", "PRACK"):
            offers = self._offers.setdefault(message.call_id, {})
            offers[message.method, message.cseq[0], False] = _said(message)
        elif isinstance(message, Response) and message.status >= 300:
            self._open.pop((message.call_id, *message.cseq), None)
        elif isinstance(message, Response) and message.status >= 200 and message.cseq[1] in ("INVITE", "UPDATE"):
            if opened := self._open.pop((message.call_id, *message.cseq), None):
                self._bind(*opened)
            session = _said(message)
            offers = self._offers.setdefault(message.call_id, {})
            if session is not None and offers.get((message.cseq[1], message.cseq[0], True), session) is None:
                offers["ACK", message.cseq[0], True] = session  # an offer that our ACK must answer

    def _judge(self, message: Message) -> None:
        session = session_of(message)
        if isinstance(message, Request):
            self._judge_request(message, session)
        else:
            self._judge_response(message, session)

    def _judge_request(self, request: Request, session: Session | None) -> None:
        number, method = request.cseq
        offers = self._offers.setdefault(request.call_id, {})
        if method in ("INVITE", "UPDATE"):
            offers[method, number, True] = session
            if session is not None:
                talk = self._talk(request.call_id, request.from_tag, request.to_tag)
                self._judge_next(request, talk, session)
                self._open[request.call_id, number, method] = (request, talk, session)
        elif method == "BYE":
            # Where nothing of the offer can be used, the ACK only serves to end the dialog.
            faults = self.faults.get(request.call_id, [])
            faults[:] = [fault for fault in faults if not fault.endswith(_OWED)]
        elif method == "ACK":
            offer = offers.get(("ACK", number, True))
            if offer is not None and session is None:
                self._fault(request, _OWED)
            elif offer is not None and session is not None:
                self._judge_answer(request, offer, session)
                talk = self._talk(request.call_id, request.from_tag, request.to_tag)
                self._judge_next(request, talk, session)
                self._bind(request, talk, session)
            elif session is not None:
                self._fault(request, "an answer in ACK to no offer")

    def _judge_response(self, response: Response, session: Session | None) -> None:
        number, method = response.cseq
        if method not in ("INVITE", "UPDATE", "PRACK") or response.status >= 300:
            return
        offers = self._offers.get(response.call_id, {})
        if (method, number, False) not in offers:
            return
        offer = offers[method, number, False]
        talk = self._talk(response.call_id, response.to_tag, response.from_tag)
        if session is None:
            if response.status >= 200 and (method == "INVITE" or offer is not None) and not talk.answers:
                self._fault(response, "a 2xx without a description, and none was sent before")
            return
        if offer is not None:
            before = talk.answers.setdefault((method, number), session)
            if before != session:
                self._fault(response, "another answer than before to the same offer (RFC 3261 §13.2.1)")
            self._judge_answer(response, offer, session)
        if offer is not None and talk.said is not None and len(offer.media) < len(talk.said.media):
            talk.said = session  # the peer has left lines out (RFC 3264 §8): the answer has as many as came (§6)
        else:
            self._judge_next(response, talk, session)
        if offer is not None:
            self._bind(response, talk, session)
        elif response.status >= 200:
            talk.stands = session  # an offer; the ACK answers it

    def _judge_answer(self, message: Message, offer: Session, answer: Session) -> None:
        for fault in answer_faults(offer, answer):
            self._fault(message, fault)

    def _judge_next(self, message: Message, talk: _Talk, session: Session) -> None:
        if talk.said is not None and talk.leaps and session.origin.version > talk.said.origin.version:
            talk.said = replace(talk.said, origin=replace(talk.said.origin, version=session.origin.version - 1))
        if talk.said is not None:
            for fault in reoffer_faults(talk.said, session, talk.stands):
                if "payload type" not in fault:  # what was said may have been refused: see `_bind`
                    self._fault(message, fault)
        talk.said, talk.leaps = session, False

    def _bind(self, message: Message, talk: _Talk, session: Session) -> None:
        """A description of the gateway took effect: its payload types stand for what they say, for good."""
        talk.stands = session
        try:
            talk.history = talk.history.after(session)
        except PeerError as error:
            self._fault(message, error.reason)

    def _talk(self, call_id: str, local_tag: str | None, remote_tag: str | None) -> _Talk:
        """The talk of a dialog. What the first INVITE offered, which has no To tag yet, counts for all that come of it."""
        talks = self._talks.setdefault(call_id, {})
        key = (local_tag or "", remote_tag or "")
        if key not in talks:
            first = talks.get((key[0], ""))
            talks[key] = _Talk(first.said, first.stands, first.history, leaps=first.leaps) if first else _Talk()
        return talks[key]

    def _fault(self, message: Message, text: str) -> None:
        self.faults.setdefault(message.call_id, []).append(f"{label(message)} (CSeq {message.cseq[0]}): {text}")


def _said(message: Message) -> Session | None:
    """What a peer describes; None also where a script lets it mumble."""
    try:
        return session_of(message)
    except PeerError:
        return None
