"""The offer to a recorder, and what its answer means (RFC 7866 §7.1, RFC 3264). Pure.

A line of the session for each stream, with a label of its own (RFC 4574) by which the metadata name it. Lines never
move; one that has no stream any longer stays, and is silent.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from splitter.media.forward.protocol import Encoding, LineTarget, SeenLine
from splitter.sdp.codec import Codec
from splitter.sdp.model import Attribute, Connection, Media, Origin, Session
from splitter.sdp.video import ORIENTATION

GONE = -1
"""The number of a line that is no longer there."""
_TURN_ID = 1
_FEEDBACK = ("nack pli", "ccm fir")


def label_at(index: int) -> str:
    """The label of the line in this place."""
    return str(index + 1)


def in_order(before: tuple[SeenLine, ...], now: tuple[SeenLine, ...]) -> tuple[SeenLine, ...]:
    """The lines as they stand in the description: those of before in their places, and the new ones behind them.

    One that is no longer there, such as for a forwarder that has just begun, keeps its place, without a number.
    """
    there = {(line.kind, line.name): line for line in now}
    kept = [there.pop((line.kind, line.name), msgspec.structs.replace(line, number=GONE)) for line in before]
    return (*kept, *there.values())


def offer_of(lines: tuple[SeenLine, ...], origin: Origin, host: str, paused: bool) -> Session:
    """The description of these lines; of a session that is `paused` nothing is sent (§7.1.1.1)."""
    direction = "inactive" if paused else "sendonly"
    return Session(
        origin=origin,
        connection=Connection.to(host),
        media=tuple(_media(line, direction, index) for index, line in enumerate(lines)),
    )


def _media(line: SeenLine, direction: str, index: int) -> Media:
    video = line.kind == "picture"
    attributes = [one for encoding in line.encodings for one in _encoding(encoding)]
    if video:
        attributes += [Attribute("rtcp-fb", f"* {one}") for one in _FEEDBACK]
    if video and line.turns:
        attributes.append(Attribute("extmap", f"{_TURN_ID} {ORIENTATION}"))
    attributes += [Attribute("label", label_at(index)), Attribute("inactive" if line.number == GONE else direction)]
    return Media(
        "video" if video else "audio",
        line.port,
        "RTP/AVP",
        tuple(str(encoding[0]) for encoding in line.encodings),
        attributes=tuple(attributes),
    )


def _encoding(encoding: Encoding) -> list[Attribute]:
    number, name, rate, channels, fmtp = encoding
    more = f"/{channels}" if channels > 1 else ""
    found = [Attribute("rtpmap", f"{number} {name}/{rate}{more}")]
    return [*found, Attribute("fmtp", f"{number} {fmtp}")] if fmtp else found


def answer_to(theirs: Session, lines: tuple[SeenLine, ...], origin: Origin, host: str, paused: bool) -> Session:
    """Our answer to an offer of the recorder (§8.1.1.2: it may say inactive): line by line what it takes of ours."""
    media = []
    for index, line in enumerate(theirs.media):
        ours = lines[index] if index < len(lines) and line.port else None
        matching = tuple(_renumbered(ours, line.codecs)) if ours is not None else ()
        if ours is None or not matching:
            media.append(Media(line.kind, 0, line.proto, line.formats))
            continue
        wanted = theirs.flow_of(index) in ("recvonly", "sendrecv") and not paused
        taken = msgspec.structs.replace(ours, encodings=matching)
        media.append(_media(taken, "sendonly" if wanted else "inactive", index).with_(proto=line.proto))
    return Session(origin=origin, connection=Connection.to(host), media=tuple(media), times=theirs.times)


def _renumbered(ours: SeenLine, codecs: tuple[Codec, ...]) -> Iterator[Encoding]:
    """Our encodings that the recorder has named, under its payload types."""
    for encoding in ours.encodings:
        number = _answered(encoding, codecs)
        if number is not None:
            yield (number, *encoding[1:])


def targets_of(theirs: Session, lines: tuple[SeenLine, ...], family: str = "") -> dict[int, LineTarget]:
    """Where each line goes by a description of the recorder, be it an answer or an offer; what it does not take is
    not in it. `family`: our own address, since the other family cannot be reached from it."""
    found: dict[int, LineTarget] = {}
    for index, line in enumerate(lines[: len(theirs.media)]):
        media = theirs.media[index]
        taken = media.port and theirs.flow_of(index) in ("recvonly", "sendrecv")
        if line.number == GONE or not taken or theirs.address_fault(index, family):
            continue
        numbers = ((one[0], _answered(one, media.codecs)) for one in line.encodings)
        payload_types = {ours: taken for ours, taken in numbers if taken is not None}
        if payload_types:
            host, port, rtcp = theirs.address_of(index)
            found[line.number] = LineTarget(host, port, rtcp, payload_types, _turn_id(media) if line.turns else 0)
    return found


def _answered(ours: Encoding, codecs: tuple[Codec, ...]) -> int | None:
    """The payload type under which the recorder takes an encoding; ours, where it has kept that."""
    key = (ours[1].lower(), ours[2], ours[3])
    same = [codec.payload_type for codec in codecs if codec.key == key]
    return ours[0] if ours[0] in same else next(iter(same), None)


def _turn_id(media: Media) -> int:
    for value in media.get_all("extmap"):
        number, _, name = value.partition(" ")
        number = number.partition("/")[0]
        if name.split(" ")[0] == ORIENTATION and number.isascii() and number.isdigit() and len(number) <= 2:
            return int(number) if 0 < int(number) < 15 else 0
    return 0
