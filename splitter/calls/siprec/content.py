"""What a recording session says: its description and its metadata, as its call is now (RFC 7866 §7, §9.1). Pure."""

from __future__ import annotations

from collections.abc import Callable

from splitter.calls.peers.messages import SDP
from splitter.calls.siprec.described import GONE, answer_to, in_order, label_at, offer_of, targets_of
from splitter.calls.siprec.metadata import (
    CONTENT_TYPE,
    RecordedPerson,
    RecordedStream,
    RecordingMetadata,
    write_metadata,
)
from splitter.calls.siprec.note import SessionNote
from splitter.calls.siprec.people import followed, present, sender_of
from splitter.calls.talk.leg import LegRecord
from splitter.calls.view import CallView
from splitter.media.forward.protocol import LineTarget, SeenLine
from splitter.sdp.model import Origin, Session

_BOUNDARY = "splitter-siprec"


class SessionContent:
    """Knowledge of one recording, and how it is said.

    Args:
        view: of its call. named: the call's Session-ID, "" where it has none.
        host: where media are sent from, as SDP says it. wall: Unix seconds.

    Attributes:
        lines: in the order of the description.
        paused: nothing is sent.
    """

    def __init__(self, view: CallView, named: str, host: str, wall: Callable[[], float]) -> None:
        self._host, self._wall = host, wall
        self._begun = wall()
        self._people: tuple[RecordedPerson, ...] = ()
        self._offered: tuple[SeenLine, ...] = ()
        self.lines: tuple[SeenLine, ...] = ()
        self.paused = False
        self.view, self.named = view, named
        self.follow(view, named)

    def see(self, lines: tuple[SeenLine, ...]) -> bool:
        """Take in which lines are there. Returns: whether that is news."""
        before, self.lines = self.lines, in_order(self.lines, lines)
        return self.lines != before

    def follow(self, view: CallView, named: str) -> bool:
        """The call is so now. Returns: whether a recorder is to be told."""
        before = self._people
        self.view, self.named = view, named
        self._people = followed(before, present(view, self._host), self._wall())
        return self._people != before

    # ---- descriptions ----

    def description(self, origin: Origin) -> Session:
        """The offer."""
        self._offered = self.lines
        return offer_of(self.lines, origin, self._host, self.paused)

    def answer(self, theirs: Session, origin: Origin) -> Session:
        """The answer to an offer of the recorder."""
        return answer_to(theirs, self._offered, origin, self._host, self.paused)

    def targets(self, theirs: Session) -> dict[int, LineTarget]:
        """Where each line goes by what the recorder said."""
        return {} if self.paused else targets_of(theirs, self._offered, self._host)

    def left_out(self, theirs: Session) -> str:
        """What of the voices the recorder does not take, in words; "" where it takes all of them."""
        here = [index for index, line in enumerate(self._offered) if line.kind == "voice" and line.number != GONE]
        taken = [index for index in here if index < len(theirs.media) and theirs.media[index].port]
        return "" if taken == here else f"which takes {len(taken)} of {len(here)} voices"

    def dressed(self, description: bytes) -> tuple[bytes, str]:
        """A description of ours with the metadata beside it, as a body, and its type."""
        parts = (
            (SDP, "session;handling=required", description),
            (CONTENT_TYPE, "recording-session", write_metadata(self._metadata())),
        )
        body = b"".join(
            f"--{_BOUNDARY}\r\nContent-Type: {kind}\r\nContent-Disposition: {use}\r\n\r\n".encode() + data + b"\r\n"
            for kind, use, data in parts
        )
        return body + f"--{_BOUNDARY}--\r\n".encode(), f"multipart/mixed;boundary={_BOUNDARY}"

    def _metadata(self) -> RecordingMetadata:
        streams, voices = [], set()
        for index, line in enumerate(self.lines):
            streams.append(RecordedStream(label_at(index), sender_of(self.view, line.name)))
            if line.kind == "voice":
                voices.add(label_at(index))
        named = (self.named,) if self.named else ()
        return RecordingMetadata(self.view.call_id, named, self._begun, self._people, tuple(streams), frozenset(voices))

    # ---- for the next gateway ----

    def note(self, recording: str, leg: LegRecord) -> SessionNote:
        """What the next gateway has to know."""
        return SessionNote(recording, self.view.call_id, leg, self._offered, self._people, self._begun)

    def adopt(self, note: SessionNote) -> None:
        """Go on from there."""
        self.lines = self._offered = note.lines
        self._people, self._begun = note.people, note.begun
        self.follow(self.view, self.named)
