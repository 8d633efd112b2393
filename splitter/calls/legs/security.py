"""The secure form of a leg's descriptions, and the plain one that flows know (RFC 4568). No I/O.

    peer ── RTP/SAVP, a=crypto ──▶ read_offer, read_answer ──▶ RTP/AVP, Media.keys ──▶ flows, merge, relay, room
         ◀─ RTP/SAVP, a=crypto ─── write_offer, write_answer ◀── RTP/AVP ──────────────┘

Our keys of a line stay over re-offers, so that a hold or a refresh costs no packet; there are new ones where the peer
comes with another key (it may be another phone by now), and where a media worker was lost.
"""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.legs.versions import written
from splitter.calls.peers.messages import session_of
from splitter.calls.settings import Srtp, Trunk
from splitter.calls.talk.leg import LegRecord
from splitter.calls.talk.security import LegKeys, LineSecurity
from splitter.core.errors import PeerError
from splitter.core.ids import IdSource
from splitter.core.net import Flow
from splitter.sdp.model import Attribute, Media, Session
from splitter.sdp.srtp import PLAIN_OF, SECURE_OF, Crypto, StreamKeys, Suite, read_cryptos
from splitter.sdp.video import refuse
from splitter.sdp.webrtc import is_secure
from splitter.sdp.write import write
from splitter.sip.message import Message

CONFIDENTIAL = ("tls", "wss")
"""Transports that nobody between can read along."""

_KINDS = ("audio", "video")
# Of a secure line none of this reaches the plain one: capabilities (RFC 5939) name profiles that it is not offered in.
_ENDS_HERE = ("crypto", "tcap", "pcfg", "acap", "acfg", "key-mgmt", "zrtp-hash")


class LegSecurity:
    """The keys in a leg's descriptions, towards the peer and towards us."""

    def __init__(self, trunk: Trunk, record: LegRecord, ids: IdSource) -> None:
        self._trunk, self._record, self._ids = trunk, record, ids
        if trunk.srtp is not Srtp.NONE and record.keys is None:
            record.keys = LegKeys()

    # ---- what the peer says ----

    def read_offer(self, message: Message) -> Session | None:
        """The offer in a message, in its plain form; None where there is none. The same again gives the same.

        Raises:
            PeerError: it cannot be read; 488 where no voice of it may be taken as it is.
        """
        session, keys = session_of(message), self._record.keys
        if session is None or keys is None:
            return session
        _renew(keys)
        faults: list[str] = []
        lines = [
            media if self._over_dtls(session, media) else self._offered(keys.line(i, media.kind), media, faults)
            for i, media in enumerate(session.media)
        ]
        self._prove(session, lines, faults)
        return replace(session, media=tuple(lines))

    def read_answer(self, message: Message) -> Session | None:
        """The answer to an offer of ours, likewise."""
        session, keys = session_of(message), self._record.keys
        if session is None or keys is None:
            return session
        faults: list[str] = []
        lines = [
            media if self._over_dtls(session, media) else self._answered(keys.line(i, media.kind), media, faults)
            for i, media in enumerate(session.media)
        ]
        self._prove(session, lines, faults)
        return replace(session, media=tuple(lines))

    def _over_dtls(self, session: Session, media: Media) -> bool:
        """Whether a line brings keys of its own: it runs over DTLS.

        Where the peer leaves that open (rtpengine does unless it is told otherwise), what stands in SDP is taken: the
        voice of such a leg can have no other keys.
        """
        if not is_secure(session, media):
            return False
        open_to_both = "TLS/" not in media.proto.upper() and self._may_tell_keys
        return not (open_to_both and read_cryptos(media.get_all("crypto")))

    def _prove(self, session: Session, lines: list[Media], faults: list[str]) -> None:
        voices = [line for line in lines if line.kind == "audio" and line.port and line.proto not in PLAIN_OF]
        wanted = any(line.kind == "audio" and line.port for line in session.media)
        if faults and wanted and not voices:
            raise PeerError(faults[0], 488)

    def _offered(self, line: LineSecurity, media: Media, faults: list[str]) -> Media:
        line.asked, line.tag, line.suite = media.proto, 0, ""
        line.secure = media.proto.upper() in PLAIN_OF
        if media.kind not in _KINDS or not media.port:
            return _plain(media)
        cryptos = read_cryptos(media.get_all("crypto"))
        taken = next((one for one in cryptos if one.suite in self._trunk.srtp_suites), None)
        fault = "" if taken else self._why_no_keys(media)
        if taken is not None and not self._may_tell_keys:
            fault, taken = "its keys would be told in clear, over " + self._record.flow.transport.upper(), None
        if taken is not None:
            return self._keyed(line, media, taken)
        if line.secure or self._trunk.srtp is Srtp.REQUIRED:
            faults.append(f"{media.kind}: {fault}")
            return refuse(_plain(media))
        return media.without(_ENDS_HERE[:1])

    def _answered(self, line: LineSecurity, media: Media, faults: list[str]) -> Media:
        if media.kind not in _KINDS or not media.port:
            return _plain(media)
        told = dict(enumerate(self._trunk.srtp_suites, 1))
        # §5.1.3 wants the tag back, but some count anew in their answers; each suite has one key of ours all the same.
        known = [one for one in read_cryptos(media.get_all("crypto")) if one.suite in told.values()]
        cryptos = [one for one in known if told.get(one.tag) is one.suite] or known
        line.asked, line.secure = media.proto, media.proto.upper() in PLAIN_OF
        if cryptos and cryptos[0].suite in line.ours:
            return self._keyed(line, media, cryptos[0], renews=False)
        line.tag, line.suite = 0, ""
        if line.secure or self._trunk.srtp is Srtp.REQUIRED:
            faults.append(f"{media.kind}: {self._why_no_keys(media)}")
            return refuse(_plain(media))
        return media.without(_ENDS_HERE[:1])

    def _keyed(self, line: LineSecurity, media: Media, taken: Crypto, *, renews: bool = True) -> Media:
        """The line in its plain form, with its keys."""
        if renews and line.theirs and line.theirs != taken.key:
            line.ours.clear()
        line.tag, line.suite, line.theirs = taken.tag, taken.suite.value, taken.key
        keys = StreamKeys(taken.suite, taken.key, self._our_key(line, taken.suite))
        # What was told is spent by now, where the media were lost before this answer to it came.
        return replace(_plain(media), keys=keys.receiving if line.spent else keys)

    def _why_no_keys(self, media: Media) -> str:
        if not media.has("crypto"):
            return f"{media.proto} without a=crypto (RFC 4568), and this trunk's srtp is {self._trunk.srtp}"
        return f"no a=crypto that can be taken; srtp_suites are {', '.join(self._trunk.srtp_suites)}"

    @property
    def _may_tell_keys(self) -> bool:
        return self._trunk.srtp_in_clear or self._record.flow.transport in CONFIDENTIAL

    def may_go(self, flow: Flow) -> bool:
        """Whether what we say may go there: keys that a confidential way has brought do not leave by another one."""
        keyed = self._record.keys is not None and not self._trunk.srtp_in_clear
        return not keyed or flow.transport in CONFIDENTIAL or self._record.flow.transport not in CONFIDENTIAL

    # ---- what we say ----

    def write_offer(self, session: Session) -> bytes:
        """An offer of ours, as it goes to the peer."""
        keys = self._record.keys
        if keys is None:
            return write(session)
        _renew(keys)
        secure = self._trunk.srtp is Srtp.REQUIRED or any(one.secure for one in keys.lines)
        plain = not keys.optional
        lines = [self._to_offer(keys.line(i, one.kind), one, secure, plain) for i, one in enumerate(session.media)]
        return written(keys, replace(session, media=tuple(lines)))

    def withhold(self) -> bool:
        """Have no keys beside a plain profile in offers any more: there are peers that refuse the call for them.

        Returns: False where none were told so.
        """
        keys = self._record.keys
        if keys is None or keys.refused:
            return False
        keys.refused = any(line.ours and not line.secure and not line.asked for line in keys.lines)
        return keys.refused

    def write_answer(self, session: Session) -> bytes:
        """Our answer to the peer's latest offer, as it goes there."""
        keys = self._record.keys
        if keys is None:
            return write(session)
        lines = [self._to_answer(keys.line(i, one.kind), one) for i, one in enumerate(session.media)]
        return written(keys, replace(session, media=tuple(lines)))

    def _to_offer(self, line: LineSecurity, media: Media, secure: bool, plain: bool) -> Media:
        if media.kind not in _KINDS or media.proto not in SECURE_OF:
            return media  # what runs over DTLS has keys of its own
        line.secure = line.secure or (secure and (not line.asked or self._trunk.srtp is Srtp.REQUIRED))
        shown = media.with_(proto=SECURE_OF[media.proto] if line.secure else media.proto)
        if not media.port or not self._may_tell_keys:
            return shown
        if plain and not line.secure:
            line.ours.clear()  # those of an offer before this one: there are peers that answer with keys all the same
            return shown
        lines = [
            Attribute("crypto", Crypto(tag, suite, self._our_key(line, suite)).value)
            for tag, suite in enumerate(self._trunk.srtp_suites, 1)
        ]
        return shown.with_(attributes=(*shown.attributes, *lines))

    def _to_answer(self, line: LineSecurity, media: Media) -> Media:
        if media.proto not in SECURE_OF:
            return media
        shown = media.with_(proto=line.asked) if line.secure else media
        if not media.port or not line.suite:
            return shown
        suite = Suite(line.suite)
        told = Attribute("crypto", Crypto(line.tag, suite, self._our_key(line, suite)).value)
        return shown.with_(attributes=(*shown.attributes, told))

    # ---- our keys ----

    def _our_key(self, line: LineSecurity, suite: Suite) -> bytes:
        if suite.value not in line.ours:
            line.ours[suite.value] = self._ids.number(1 << 8 * suite.key_bytes).to_bytes(suite.key_bytes)
        return line.ours[suite.value]


def _renew(keys: LegKeys) -> None:
    for line in keys.lines:
        if line.spent:
            line.ours.clear()
            line.spent = False


def _plain(media: Media) -> Media:
    """The line under the plain profile, without what it says of keys."""
    return media.with_(proto=PLAIN_OF.get(media.proto.upper(), media.proto)).without(_ENDS_HERE)
