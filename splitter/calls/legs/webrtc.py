"""The descriptions of a leg whose peer is a browser that speaks SIP, and the plain ones that flows know. No I/O.

    its SDP ──▶ read_offer, read_answer ──▶ a phone at the ports of its adapter ──▶ flows, merge, relay, room
            ◀── write_offer, write_answer ◀─────────────────────────────────────┘

What was agreed on last is what the adapter carries, and what is in the record: a description that is refused changes
neither. See `sdp.websip` for the two forms.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from splitter.calls.browsers.carrying import KBPS, in_words, setting_of
from splitter.calls.browsers.line import BrowserLine
from splitter.calls.browsers.switch import Browsers
from splitter.calls.legs.versions import written
from splitter.calls.peers.messages import session_of
from splitter.calls.talk.browser import BrowserRecord
from splitter.calls.talk.leg import LegRecord
from splitter.core.errors import PeerError
from splitter.core.net import Flow
from splitter.sdp import websip
from splitter.sdp.model import Session
from splitter.sdp.webcaller import BrowserOffer, read_call, transport_of
from splitter.sdp.webrtc import SecureRemote
from splitter.sip.message import Message


class TraceNote(Protocol):
    """Writes something about a leg into the trace."""

    def __call__(self, name: str, kind: str, text: str, /) -> None: ...


class BrowserDescriptions:
    """Reads and writes the descriptions of a browser's leg, as `LegSecurity` does those of others."""

    def __init__(self, browsers: Browsers, note: TraceNote, record: LegRecord, browser: BrowserRecord) -> None:
        self._browsers, self._note = browsers, note
        self._record, self._browser = record, browser
        self._offer: Session | None = None  # the browser's, which may be answered
        self._offered: Session | None = None  # ours, as flows know it
        self._told = ""

    # ---- what the browser says ----

    def read_offer(self, message: Message) -> Session | None:
        """The offer in a message, as a phone's; None where there is none. The same again gives the same.

        Raises:
            PeerError: status 488: it cannot be taken.
        """
        session = session_of(message)
        if session is None:
            return None
        call = self._read(session)
        self._offer = session
        adapter = self._browser.adapter
        return websip.plain_form(call, adapter.voice, adapter.picture)

    def read_answer(self, message: Message) -> Session | None:
        """The answer to an offer of ours, likewise."""
        said = session_of(message)
        if said is None:
            return None
        ours, adapter = self._offered or self._record.terms.latest, self._browser.adapter
        call = self._read(said)
        answer = websip.plain_reply(call, ours, adapter.voice, adapter.picture, KBPS)
        self._carry(said, call, ours)
        return answer

    def follow(self, message: Message, then: Callable[[str], None]) -> bool:
        """Where an offer has another side of ICE, the browser comes by another network: begin another generation.

        Args:
            then: told when that is there, with "", or why it is not; the offer can then be read.
        Returns: False where it comes as before.
        Raises:
            PeerError: as `read_offer`; 500 where that happens too often.
        """
        session, line = session_of(message), self._line
        known = line.setting.secure if line is not None else None
        if session is None or line is None or known is None:
            return False
        secure = transport_of(read_call(session, self._browser.codecs))
        self._refuse_stranger(secure, known)
        if (secure.ufrag, secure.password) == (known.ufrag, known.password):
            return False
        line.restart_later(secure, partial(self._on_restart, then))
        return True

    def _on_restart(self, then: Callable[[str], None], fault: str) -> None:
        if not fault and (line := self._line) is not None:  # else the browser knows the one before
            self._browser.adapter = line.adapter
        then(fault)

    def resume(self) -> None:
        """Go on in another process: the adapter is to do what was agreed on."""
        if (ours := self._record.terms.local) is not None:
            self._carry(self._browser.offer, self._browser.call, ours)

    def may_go(self, flow: Flow) -> bool:
        """Whether what we say may go there: a fingerprint is no secret."""
        return True

    # ---- what we say ----

    def write_offer(self, session: Session) -> bytes:
        """An offer of ours, as it goes to the browser."""
        browser, adapter = self._browser, self._browser.adapter
        self._offered = session
        return written(browser, websip.secure_offer(browser.call, session, adapter.public, adapter.secure, KBPS))

    def withhold(self) -> bool:
        """Leave nothing out: there are no keys in its descriptions."""
        return False

    def write_answer(self, session: Session) -> bytes:
        """Our answer to the browser's latest offer, as it goes there; what it says is carried from now on."""
        offer, adapter = self._offer or self._browser.offer, self._browser.adapter
        call = read_call(offer, self._browser.codecs)
        self._carry(offer, call, session)
        return written(self._browser, websip.secure_answer(call, session, adapter.public, adapter.secure, KBPS))

    # ---- inside ----

    @property
    def _line(self) -> BrowserLine | None:
        line = self._browsers.get(self._browser.adapter.call_id)
        return None if line is None or line.ended else line

    def _read(self, session: Session) -> BrowserOffer:
        call = read_call(session, self._browser.codecs)
        known = self._line.setting.secure if self._line is not None else None
        secure = transport_of(call)
        if known is not None:
            self._refuse_stranger(secure, known)
            if (secure.ufrag, secure.password) != (known.ufrag, known.password):
                raise PeerError("ICE credentials changed where no restart was asked for (RFC 8839 §4.4)", 488)
        return call

    @staticmethod
    def _refuse_stranger(secure: SecureRemote, known: SecureRemote) -> None:
        if set(secure.fingerprints) != set(known.fingerprints):
            raise PeerError("a new DTLS association (RFC 8842 §5.5) needs a new call", 488)

    def _carry(self, theirs: Session, call: BrowserOffer, ours: Session) -> None:
        """Both have agreed: the adapter does what the two descriptions say."""
        browser = self._browser
        browser.offer = theirs
        browser.camera = call.video is not None and any(one.kind == "video" and one.port for one in ours.media)
        if (line := self._line) is None:
            return
        setting = setting_of(browser, call, ours)
        if (known := line.setting.secure) is not None:  # who is the client of DTLS was settled with the first answer
            setting = replace(setting, secure=known)
        line.carry(setting)
        words = "; ".join(one for one in (in_words(call, ours), call.fault if _wanted_video(theirs) else "") if one)
        if words and words != self._told:
            self._told = words
            self._note(self._record.name, "media", words)


def _wanted_video(session: Session) -> bool:
    return any(media.kind == "video" and media.port for media in session.media)
