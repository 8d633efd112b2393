"""What must hold for any bytes: a parser reads them or raises PeerError, and what was read is written back the same."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from splitter.core.errors import PeerError
from splitter.media.ng import messages
from splitter.media.ng.bencode import decode, encode
from splitter.rtp import h264, packet, rtcp
from splitter.rtp.parameters import ParameterSets
from splitter.rtp.sps import parse_sps
from splitter.sdp import webrtc
from splitter.sdp.compare import audio_change
from splitter.sdp.fragment import read_fragment, write_fragment
from splitter.sdp.model import MediaPort, Origin, Session
from splitter.sdp.offer_answer import check_answer, check_peer_answer, check_reoffer
from splitter.sdp.parse import parse as parse_sdp
from splitter.sdp.precondition import met, with_preconditions
from splitter.sdp.split import centre_offer, plan
from splitter.sdp.summary import summary
from splitter.sdp.video import answer_video, choose_video, refuse
from splitter.sdp.write import write
from splitter.sip import reliable, session_timer
from splitter.sip.dialog import Dialog
from splitter.sip.message import Message, Request, Response
from splitter.sip.multipart import find_part, parts
from splitter.sip.parse import MalformedRequest, StreamFramer, parse_message
from splitter.sip.uri import user_of
from tests.rtp.payloads import packetise

OURS = MediaPort("203.0.113.10", 10000, 10001)
SECURE = webrtc.SecureLocal("Ours", "b" * 22, "sha-256 AB", ("1 1 udp 1 203.0.113.10 10000 typ host",))


def refused(ask: Callable[[], object]) -> bool:
    """Ask; True where the answer is PeerError with a status and a printable reason. Nothing else may come out."""
    try:
        ask()
    except PeerError as error:
        assert 400 <= error.status <= 699
        assert error.reason
        assert len(error.reason) < 1000
        return True
    return False


# ---- SIP ----


def sip(data: bytes) -> None:
    """One datagram."""
    try:
        message = parse_message(data)
    except MalformedRequest as error:
        response = error.response("tag")
        if response is not None:
            head, blank, body = response.serialize().partition(b"\r\n\r\n")  # faulty headers are echoed as they came
            assert head.startswith(b"SIP/2.0 ") and blank and not body
        return
    except PeerError as error:
        assert error.reason
        return
    _writes_as_read(message)
    for ask in _questions(message):
        refused(ask)


def _writes_as_read(message: Message) -> None:
    """parse∘write is the identity on what was read."""
    written = message.serialize()
    again = parse_message(written)
    assert again == message
    assert again.serialize() == written


def _questions(message: Message) -> list[Callable[[], object]]:
    """Everything that the layers above may want to know of a message."""
    headers = message.headers
    found: list[Callable[[], object]] = [
        lambda: [str(via) and via.received and via.rport for via in message.vias],
        lambda: [(contact.user, str(contact.sip)) for contact in message.contacts],
        lambda: (user_of(message.from_.uri), user_of(message.to.uri), str(message.from_), str(message.to)),
        lambda: [headers.values(name) for name in ("Route", "Record-Route", "Allow", "Supported", "Require")],
        lambda: [list(headers.copy().items()), headers.get_all("Reason")],
        lambda: session_timer.session_expires(message),
        lambda: session_timer.minimum(message),
        lambda: (reliable.supports(message), reliable.requires(message)),
        lambda: [(part.content_type, part.required) for part in parts(message)],
        lambda: _described(find_part(message, "application/sdp")),
    ]
    if isinstance(message, Request):
        found += [
            lambda: message.max_forwards,
            lambda: _in_dialog(Dialog.as_uas(message, "ours"), message),
            lambda: session_timer.as_uas(message, session_timer.TimerSettings()),
            lambda: reliable.ReliableSender(1, 1).confirm(message),
            lambda: parse_message(message.respond(200, to_tag="ours").serialize()),
        ]
    else:
        found += [
            lambda: session_timer.as_uac(message),
            lambda: session_timer.after_too_small(message, session_timer.TimerSettings()),
            lambda: reliable.ReliableReceiver().take(message),
            lambda: _in_dialog(Dialog.as_uac(_request_of(message), message), message),
        ]
    return found


def _request_of(response: Response) -> Request:
    return Request("INVITE", "sip:centre@192.0.2.1", response.headers.copy())


def _in_dialog(dialog: Dialog, message: Message) -> None:
    """A request of ours in a dialog that a peer's message made can be read again."""
    request = dialog.request("BYE")
    request.headers.prepend("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours")
    refused(lambda: dialog.next_hop)
    with suppress(PeerError):  # the peer's Contact became our Request-URI: whatever it is, it must not smuggle a line
        assert parse_message(request.serialize()).headers == request.headers
    if isinstance(message, Request):
        refused(lambda: dialog.receive(message))


def _described(body: bytes | None) -> None:
    if body is not None:
        sdp(body)


def stream(data: bytes) -> None:
    """A connection: the first byte says in what pieces the rest comes."""
    step = data[0] + 1 if data else 1
    pieces, whole = StreamFramer(4096), StreamFramer(4096)
    found: list[bytes] = []
    broken = refused(lambda: [found.extend(pieces.feed(data[at : at + step])) for at in range(1, len(data), step)])
    at_once: list[bytes] = []
    if not refused(lambda: at_once.extend(whole.feed(data[1:]))) and not broken:
        assert at_once == found
        assert (whole.pending, whole.pings) == (pieces.pending, pieces.pings)
    for message in found:
        assert len(message) <= 4096
        sip(message)


# ---- SDP ----


def sdp(data: bytes) -> None:
    """One body."""
    try:
        session = parse_sdp(data)
    except PeerError as error:
        assert error.status == 400
        return
    written = write(session)
    assert parse_sdp(written) == session
    assert write(parse_sdp(written)) == written
    summary(session)
    refused(lambda: _negotiate(session))
    refused(lambda: _join(session))
    for index, media in enumerate(session.media):
        assert session.direction_of(index) and session.flow_of(index)
        session.address_of(index)
        session.address_fault(index, OURS.host)
        refused(lambda media=media: [(codec.key, codec.parameters) for codec in media.codecs])  # type: ignore[misc]
        assert choose_video(refuse(media), session.attributes) is None or media.kind == "video"
        assert audio_change(media, media, session, session).value == "none"
    met(session)
    check_reoffer(session, session)
    refused(lambda: check_answer(session, session))
    refused(lambda: check_peer_answer(session, session))


def _negotiate(offer: Session) -> None:
    """What the gateway does with an offer; whatever it sends on is legal and can be read."""
    chosen = plan(offer)
    asked = centre_offer(offer, chosen, OURS, Origin.of(OURS.host, 1))
    assert parse_sdp(write(asked)) == asked
    assert [media.kind for media in asked.media] == ["audio"]
    lines = [refuse(media) for media in offer.media]
    if chosen.video is not None and chosen.video_format is not None:
        line = offer.media[chosen.video]
        lines[chosen.video] = answer_video(
            line, chosen.video_format, OURS, "inactive", 800, session_attributes=offer.attributes
        )
    answer = Session(Origin.of(OURS.host, 1), tuple(lines), asked.connection, times=("t=0 0",))
    ready = with_preconditions(offer, answer)
    assert parse_sdp(write(ready)) == ready


def _join(offer: Session) -> None:
    """What the gateway does with a browser's offer."""
    offer = webrtc.resolved(offer)
    index, chosen = webrtc.choose_secure(offer)
    remote = webrtc.read_secure(offer, index)
    assert 0 < len(remote.fingerprints) <= 8 and len(remote.candidates) <= webrtc.MAX_CANDIDATES
    line = webrtc.answer_line(offer, index, chosen, OURS, SECURE, "inactive", 800)
    answer = webrtc.answer(offer, index, line, Origin.of(OURS.host, 1))
    assert parse_sdp(write(answer)) == answer
    assert answer.media[index].port, "the other lines of its bundle are accepted too, and carry nothing"


def fragment(data: bytes) -> None:
    """Candidates and an ICE restart over HTTP."""
    try:
        read = read_fragment(data)
    except PeerError as error:
        assert error.status in (400, 488) and error.reason
        return
    local = webrtc.SecureLocal(read.ufrag, read.password, "", read.candidates)
    again = read_fragment(write_fragment(local))
    assert (again.ufrag, again.password, again.candidates) == (read.ufrag, read.password, read.candidates)


# ---- RTP and RTCP ----


def control(data: bytes) -> None:
    """One RTCP datagram."""
    try:
        messages = rtcp.parse(data)
    except PeerError:
        return
    built = rtcp.build(messages)
    assert len(built) % 4 == 0
    assert rtcp.build(rtcp.parse(built)) == built


def media(data: bytes) -> None:
    """One datagram on a media port: RTP, and H.264 in it."""
    try:
        parsed = packet.parse(data)
    except PeerError:
        return
    again = packet.parse(packet.build(parsed))
    assert again == parsed
    payload = parsed.payload
    h264.starts_idr(payload)
    for unit in h264.parameter_sets(payload):
        refused(lambda unit=unit: parse_sps(unit))  # type: ignore[misc]
    depacketiser = h264.Depacketiser()
    units = [bytes(unit) for unit in depacketiser.push(payload)]
    joined = [bytes(unit) for one in packetise(units, 1, 1200) for unit in h264.Depacketiser().push(one)]
    if all(len(unit) <= 1200 for unit in units):
        assert joined == units
    ParameterSets(units)


# ---- NG ----


def ng(data: bytes) -> None:
    """A reply of an rtpengine."""
    if refused(lambda: decode(data)):
        return
    reply = decode(data)
    assert decode(encode(reply)) == reply
    if isinstance(reply, dict):
        messages.refusal(reply)
        for read in (messages.read_end, messages.read_counts, messages.read_ports, messages.read_remotes):
            refused(partial(read, reply))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "sip": sip,
    "stream": stream,
    "sdp": sdp,
    "fragment": fragment,
    "rtcp": control,
    "rtp": media,
    "ng": ng,
}
"""By the name that `make fuzz` shows."""
