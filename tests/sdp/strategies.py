"""Hypothesis strategies: legal offers, and the answers that a centre could give to them."""

from __future__ import annotations

from hypothesis import strategies as st

from splitter.sdp.model import DIRECTIONS, Attribute, Bandwidth, Connection, Media, Origin, Session

_CODECS = ["AMR-WB/16000/1", "AMR/8000", "EVS/16000", "PCMA/8000", "G722/8000", "opus/48000/2", "speech-x/8000"]
_EVENTS = ["telephone-event/8000", "telephone-event/16000", "telephone-event/48000"]
_EXTRA = ["ptime:20", "maxptime:240", "curr:qos local none", "candidate:1 1 UDP 1 192.0.2.1 4 typ host", "x-thing:7"]
_VIDEO = ["H264/90000", "H265/90000", "VP8/90000"]
_VIDEO_FMTP = ["", "profile-level-id=42C01F;packetization-mode=1", "profile-level-id=42e00c", "packetization-mode=2"]
_VIDEO_EXTRA = ["tcap:1 RTP/AVPF", "pcfg:1 t=1", "rtcp-fb:* nack pli", "extmap:7 urn:3gpp:video-orientation", "creq:x"]

ports = st.integers(1, 32767).map(lambda half: half * 2)
directions = st.sampled_from(DIRECTIONS)


def _attribute(text: str) -> Attribute:
    name, colon, value = text.partition(":")
    return Attribute(name, value if colon else None)


@st.composite
def audio_lines(draw: st.DrawFn) -> Media:
    names = draw(st.lists(st.sampled_from(_CODECS), min_size=1, max_size=5, unique=True))
    names += draw(st.lists(st.sampled_from(_EVENTS), max_size=3, unique=True))
    numbers = draw(st.lists(st.integers(96, 127), min_size=len(names), max_size=len(names), unique=True))
    attributes = [Attribute("rtpmap", f"{number} {name}") for number, name in zip(numbers, names, strict=True)]
    formats = [str(number) for number in numbers]
    if draw(st.booleans()):
        formats.insert(0, draw(st.sampled_from(["0", "8", "18"])))
    attributes += [_attribute(text) for text in draw(st.lists(st.sampled_from(_EXTRA), unique=True))]
    if draw(st.booleans()):
        attributes.append(Attribute(draw(directions)))
    proto = draw(st.sampled_from(["RTP/AVP", "RTP/AVPF"]))
    return Media("audio", draw(ports), proto, tuple(formats), attributes=tuple(attributes))


@st.composite
def video_lines(draw: st.DrawFn) -> Media:
    names = draw(st.lists(st.sampled_from(_VIDEO), min_size=1, max_size=3))
    numbers = draw(st.lists(st.integers(96, 127), min_size=len(names), max_size=len(names), unique=True))
    attributes = []
    for number, name in zip(numbers, names, strict=True):
        attributes.append(Attribute("rtpmap", f"{number} {name}"))
        if fmtp := draw(st.sampled_from(_VIDEO_FMTP)):
            attributes.append(Attribute("fmtp", f"{number} {fmtp}"))
    attributes += [_attribute(text) for text in draw(st.lists(st.sampled_from(_VIDEO_EXTRA), unique=True))]
    if draw(st.booleans()):
        attributes.append(Attribute(draw(directions)))
    proto = draw(st.sampled_from(["RTP/AVP", "RTP/AVPF", "RTP/SAVP", "UDP/TLS/RTP/SAVPF"]))
    port = draw(st.one_of(st.just(0), ports))
    bandwidths = (Bandwidth("AS", "512"),) if draw(st.booleans()) else ()
    formats = tuple(str(number) for number in numbers)
    return Media("video", port, proto, formats, bandwidths=bandwidths, attributes=tuple(attributes))


_OTHERS = st.sampled_from(
    [
        Media("application", 5000, "UDP/DTLS/SCTP", ("webrtc-datachannel",)),
        Media("text", 5002, "RTP/AVP", ("98",), attributes=(Attribute("rtpmap", "98 t140/1000"),)),
        Media("image", 5004, "udptl", ("t38",)),
        Media("audio", 0, "RTP/AVP", ("0",)),
    ]
)


@st.composite
def offers(draw: st.DrawFn) -> Session:
    """Any legal offer with one usable audio line somewhere among others."""
    others = draw(st.lists(st.one_of(video_lines(), _OTHERS), max_size=4))
    place = draw(st.integers(0, len(others)))
    media = (*others[:place], draw(audio_lines()), *others[place:])
    host = draw(st.sampled_from(["192.0.2.1", "2001:db8::1", "0.0.0.0"]))
    attributes = (Attribute(draw(directions)),) if draw(st.booleans()) else ()
    origin = Origin.of(host, draw(st.integers(0, 2**63)), draw(st.integers(0, 2**63)))
    return Session(origin, media, Connection.to(host), attributes=attributes)


@st.composite
def centre_answers(draw: st.DrawFn, offered: Media) -> Session:
    """What a centre may say to an audio line, careless directions and additions included."""
    chosen = draw(st.lists(st.sampled_from(offered.formats), min_size=1, unique=True))
    maps = {}
    for item in offered.attributes:
        if item.name == "rtpmap" and item.value:
            maps[item.value.partition(" ")[0]] = item
    attributes = [maps[number] for number in chosen if number in maps]
    if draw(st.booleans()):
        chosen.append("3")
    if draw(st.booleans()):
        attributes.append(Attribute(draw(directions)))
    host = draw(st.sampled_from(["198.51.100.7", "2001:db8:1::7", "0.0.0.0"]))
    line = Media("audio", draw(ports), "RTP/AVP", tuple(chosen), attributes=tuple(attributes))
    return Session(Origin.of(host, 1), (line,), Connection.to(host))
