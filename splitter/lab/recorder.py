"""A recorder of the lab: a recording server by RFC 7866, which notes all that is wrong with a recording client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from splitter.core.ids import IdSource
from splitter.core.net import Flow
from splitter.lab.recorder_rules import SaidSession, examined
from splitter.sdp.model import Attribute, Connection, Media, Origin, Session
from splitter.sdp.write import write
from splitter.sip.dialog import Dialog, DialogId
from splitter.sip.events import RequestArrived
from splitter.sip.message import Request, Response

_REPEATED = ("rtpmap", "fmtp", "rtcp-fb", "extmap", "label")
_TAKES = {"sendonly": "recvonly", "inactive": "inactive"}


@dataclass(slots=True)
class ServedSession:
    """A recording session.

    Attributes:
        offer, answer: the latest. said: the latest metadata; `documents`: how many came.
        offers: how many came. faults: in words. ended: by BYE.
        invite: that it began with.
    """

    invite: Request
    flow: Flow
    dialog: Dialog | None = None
    offer: Session | None = None
    answer: Session | None = None
    said: SaidSession = field(default_factory=SaidSession)
    documents: int = 0
    offers: int = 0
    faults: list[str] = field(default_factory=list)
    ended: bool = False

    def directions(self) -> list[str]:
        """The directions of the lines that were offered last."""
        return [self.offer.direction_of(index) for index in range(len(self.offer.media))] if self.offer else []


class LabRecorder:
    """A recording server.

    Args:
        respond: answers a request. host: of its media.
        port: opens a port for a line: the SIP Call-ID, the place of the line, and the line.
        register: has what comes in a dialog handed in.

    Attributes:
        sessions: by SIP Call-ID. status: that INVITEs are answered with; 0: nothing.
        paused: it wants no media: every line is inactive. port: gives a line its port; 0 refuses it.
    """

    def __init__(
        self,
        respond: Callable[[str, Response], None],
        ids: IdSource,
        host: str,
        contact: str,
        port: Callable[[str, int, Media], int],
        register: Callable[[DialogId], None],
    ) -> None:
        self._register = register
        self._respond, self._ids, self._host, self._contact, self.port = respond, ids, host, contact, port
        self.sessions: dict[str, ServedSession] = {}
        self.status = 200
        self.paused = False

    @property
    def faults(self) -> list[str]:
        """All that was wrong."""
        return [fault for session in self.sessions.values() for fault in session.faults]

    @property
    def live(self) -> list[ServedSession]:
        """The sessions that have not ended."""
        return [session for session in self.sessions.values() if not session.ended]

    def on_request(self, event: RequestArrived) -> None:
        """A request of the client."""
        request = event.request
        session = self.sessions.get(request.call_id)
        match request.method:
            case "INVITE" if session is None or request.to_tag is None:
                self._begin(event)
            case "INVITE" | "UPDATE" if session is not None and not session.ended:
                self._change(session, event)
            case "BYE" if session is not None and not session.ended:
                session.ended = True
                self._respond(event.txn, request.respond(200))
            case "OPTIONS":
                self._respond(event.txn, request.respond(200, to_tag=self._ids.tag()))
            case _:
                self._respond(event.txn, request.respond(481, to_tag=self._ids.tag()))

    def request(self, session: ServedSession, method: str) -> Request:
        """A request of its own inside a session."""
        assert session.dialog is not None
        if method == "UPDATE":  # §9.2: it wants to be told all once more
            asked = [("Content-Disposition", "recording-session")]
            kind = "application/rs-metadata-request"
            return session.dialog.request(
                method, headers=asked, body=b"SRS-Request-Reason: it was started anew\r\n", content_type=kind
            )
        if method != "INVITE":
            return session.dialog.request(method)
        assert session.answer is not None
        session.answer = self._directed(replace(session.answer, origin=session.answer.origin.next()), session)
        lines = [("Contact", f"<{self._contact}>;+sip.srs")]
        return session.dialog.request(method, headers=lines, body=write(session.answer), content_type="application/sdp")

    # ---- inside ----

    def _begin(self, event: RequestArrived) -> None:
        if not self.status:
            return
        if self.status >= 300:
            self._respond(event.txn, event.request.respond(self.status, to_tag=self._ids.tag()))
            return
        session = self.sessions[event.request.call_id] = ServedSession(event.request, event.flow)
        self._read(session, event.request)
        response = self._answered(session, event.request)
        session.dialog = Dialog.as_uas(event.request, response.to_tag or "")
        self._register(session.dialog.id)
        self._respond(event.txn, response)

    def _change(self, session: ServedSession, event: RequestArrived) -> None:
        if session.dialog is not None:
            session.dialog.receive(event.request)
        offered = self._read(session, event.request)
        lines = [("Contact", f"<{self._contact}>;+sip.srs"), ("Allow", "INVITE, ACK, BYE, UPDATE")]
        if offered:
            self._respond(event.txn, self._answered(session, event.request))
        else:
            self._respond(event.txn, event.request.respond(200, headers=lines))

    def _read(self, session: ServedSession, request: Request) -> bool:
        offer, said, faults = examined(request)
        session.faults += faults
        if offer is not None:
            session.faults += self._moved(session.offer, offer)
            session.offer = offer
            session.offers += 1
        if said is not None:
            session.said = said
            session.documents += 1
        return offer is not None

    @staticmethod
    def _moved(before: Session | None, now: Session) -> list[str]:
        if before is None:
            return []
        kept = zip(before.media, now.media, strict=False)
        moved = [
            f"the line of label {one.get('label')} has moved"
            for one, other in kept
            if one.get("label") != other.get("label")
        ]
        return [*moved, *(["RFC 3264 §8: lines were taken out"] if len(now.media) < len(before.media) else [])]

    def _answered(self, session: ServedSession, request: Request) -> Response:
        assert session.offer is not None
        offer = session.offer
        before = session.answer
        lines = []
        for index, line in enumerate(offer.media):
            known = before.media[index].port if before is not None and index < len(before.media) else 0
            port = known or self.port(request.call_id, index, line)
            kept = tuple(one for one in line.attributes if one.name in _REPEATED)
            lines.append(Media(line.kind, port, line.proto, line.formats, attributes=kept))
        origin = before.origin.next() if before is not None else Origin.of(self._host, self._ids.number(2**31))
        answer = Session(origin=origin, connection=Connection.to(self._host), times=offer.times, media=tuple(lines))
        session.answer = self._directed(answer, session)
        headers = [
            ("Contact", f"<{self._contact}>;+sip.srs"),
            ("Allow", "INVITE, ACK, CANCEL, BYE, UPDATE, INFO, OPTIONS"),
            ("Supported", "timer"),
        ]
        return request.respond(
            200,
            to_tag=self._ids.tag(),
            headers=headers,
            body=write(session.answer),
            content_type="application/sdp",
        )

    def _directed(self, answer: Session, session: ServedSession) -> Session:
        offer = session.offer
        media = []
        for index, line in enumerate(answer.media):
            wanted = _TAKES.get(offer.direction_of(index) if offer is not None else "sendonly", "inactive")
            taken = "inactive" if self.paused else wanted
            bare = tuple(one for one in line.attributes if one.name not in ("recvonly", "inactive"))
            media.append(line.with_(attributes=(*bare, Attribute(taken))))
        return replace(answer, media=tuple(media))
