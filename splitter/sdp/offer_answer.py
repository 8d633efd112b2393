"""Legality of offers and answers (RFC 3264), each rule a small function that names its section. Pure.

The checks prove what *we* send. A peer's fault is better noted than punished: `answer_faults` gives the words for the
trace, `check_peer_answer` says what cannot be worked with, and `merge` repairs the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from splitter.core.errors import PeerError
from splitter.sdp.codec import Codec, CodecKey
from splitter.sdp.model import Media, Session, shown

_SENDS = frozenset({"sendrecv", "sendonly"})
_RECEIVES = frozenset({"sendrecv", "recvonly"})


def answer_direction(offered: str, wanted: str) -> str:
    """The direction of an answer: what the answerer wants, bounded by what the offer allows (RFC 3264 §6.1).

    >>> answer_direction("sendonly", "sendrecv")
    'recvonly'
    """
    send = wanted in _SENDS and offered in _RECEIVES
    receive = wanted in _RECEIVES and offered in _SENDS
    if send:
        return "sendrecv" if receive else "sendonly"
    return "recvonly" if receive else "inactive"


# ---- answers -----------------------------------------------------------------------------------------------------


def check_answer(offer: Session, answer: Session) -> None:
    """Prove an answer legal for its offer.

    Raises:
        PeerError: status 488 and the first broken rule with its section.
    """
    for fault in answer_faults(offer, answer):
        raise PeerError(fault, 488)


def check_peer_answer(offer: Session, answer: Session) -> None:
    """Find out whether a peer's answer can be worked with, however careless it is.

    Directions too wide, formats too many, a t= of its own and further lines that are off are let pass: real endpoints
    send them, and nothing that we send on repeats them.

    Raises:
        PeerError: status 488 if m-lines cannot be told apart (RFC 3264 §6), a running line has no common format, or
            the audio no address that ours can reach.
    """
    count = len(offer.media)
    if len(answer.media) < count or any(line.port for line in answer.media[count:]):
        raise PeerError(f"{len(answer.media)} m-lines answer {count} (RFC 3264 §6)", 488)
    for i, (offered, answered) in enumerate(zip(offer.media, answer.media, strict=False)):
        if offered.kind != answered.kind:
            raise PeerError(f"m-line {i}: {shown(answered.kind)} answers {shown(offered.kind)} (RFC 3264 §6)", 488)
        if not offered.port or not answered.port:
            continue
        keys = {codec.key for codec in offered.codecs}
        if keys and not any(codec.key in keys for codec in answered.codecs):
            raise PeerError(f"m-line {i}: none of the offered formats (RFC 3264 §6.1)", 488)
        ours = offer.connection_of(i)
        if ours is not None and answered.kind == "audio" and (fault := answer.address_fault(i, ours.host)):
            raise PeerError(f"m-line {i}: {fault}", 488)


def answer_faults(offer: Session, answer: Session) -> Iterator[str]:
    """Every rule that an answer breaks, in plain words."""
    if len(offer.media) != len(answer.media):
        yield f"{len(answer.media)} m-lines answer {len(offer.media)} (RFC 3264 §6: as many, in the same order)"
        return
    if _start_and_stop(offer) != _start_and_stop(answer):
        yield "the answer's t= is not the offer's (RFC 3264 §6)"
    for i, (offered, answered) in enumerate(zip(offer.media, answer.media, strict=True)):
        for fault in _line_faults(offer, answer, i, offered, answered):
            yield f"m-line {i} ({shown(offered.kind)}): {fault}"


def _line_faults(offer: Session, answer: Session, i: int, offered: Media, answered: Media) -> Iterator[str]:
    if offered.kind != answered.kind:
        yield f"answered as {shown(answered.kind)} (RFC 3264 §6)"
        return
    if not answered.formats:
        yield "no format (RFC 3264 §6: at least one, also with port 0)"
    if offered.port == 0 and answered.port != 0:
        yield "offered with port 0, answered with another (RFC 3264 §6)"
    if answered.port == 0 or offered.port == 0:
        return
    if answered.proto.upper() not in _protos(offer, offered, answered):
        yield f"{shown(answered.proto)} answers {shown(offered.proto)} (RFC 3264 §6; RFC 5939 §3.6.2 for a=acfg)"
    direction = answer.direction_of(i)
    if answer_direction(offer.direction_of(i), direction) != direction:
        yield f"{direction} answers {offer.direction_of(i)} (RFC 3264 §6.1)"
    if answered.get("rtcp-mux") is not None and offered.get("rtcp-mux") is None:
        yield "a=rtcp-mux that was not offered (RFC 5761 §5.1.1)"
    if answer.connection_of(i) is None and direction != "inactive":
        yield "no c= line (RFC 8866 §5.7)"
    if answered.proto.upper().startswith("RTP/"):
        yield from _format_faults(offered.codecs, answered.codecs)
    elif not set(answered.formats) & set(offered.formats):
        yield "none of the offered formats (RFC 3264 §6)"


def _format_faults(offered: tuple[Codec, ...], answered: tuple[Codec, ...]) -> Iterator[str]:
    """Stricter than RFC 3264 §6.1, which lets an answer name more formats than the offer: in IMS it does not."""
    numbers = {codec.payload_type: codec.key for codec in offered}
    keys = set(numbers.values())
    if not any(codec.key in keys for codec in answered):
        yield "none of the offered formats (RFC 3264 §6.1)"
    for codec in answered:
        known = numbers.get(codec.payload_type)
        if known is not None and known != codec.key:
            names = f"{shown(codec.name)}, offered as {shown(known[0])}"
            yield f"payload type {codec.payload_type} is {names} (RFC 3264 §6.1)"
        elif codec.key not in keys:
            yield f"{shown(codec.name)} was not offered (RFC 3264 §6.1; TS 26.114 §6.2)"


def _protos(offer: Session, offered: Media, answered: Media) -> set[str]:
    """The protocols that may answer a line: its own and, with a=acfg, those of its capabilities (RFC 5939 §3.6.2)."""
    protos = {offered.proto.upper()}
    if answered.get("acfg") is not None and offered.get("pcfg") is not None:
        for name, value in (*offer.attributes, *offered.attributes):
            if name == "tcap" and value:
                protos.update(word.upper() for word in value.split()[1:])
    return protos


def _start_and_stop(session: Session) -> list[str]:
    return [line for line in session.times if line.startswith("t=")]


# ---- later descriptions of the same side -------------------------------------------------------------------------


def check_reoffer(previous: Session, current: Session, standing: Session | None = None) -> None:
    """Prove a description a legal successor of the last one that the same side sent (offers and answers alike).

    Args:
        standing: the last one that took effect, where `previous` was an offer that was refused: lines follow that,
            the o= version follows `previous`.
    Raises:
        PeerError: status 488 and the first broken rule with its section.
    """
    for fault in reoffer_faults(previous, current, standing):
        raise PeerError(fault, 488)


def reoffer_faults(previous: Session, current: Session, standing: Session | None = None) -> Iterator[str]:
    """Every rule of RFC 3264 §8 that a later description breaks, in plain words; see `check_reoffer`."""
    yield from _origin_faults(previous, current)
    previous = standing or previous
    if len(current.media) < len(previous.media):
        yield f"{len(current.media)} m-lines follow {len(previous.media)} (RFC 3264 §8: none is ever removed)"
    for i, (old, new) in enumerate(zip(previous.media, current.media, strict=False)):
        if old.kind != new.kind and old.port != 0:
            kinds = f"{shown(old.kind)} to {shown(new.kind)}"
            yield f"m-line {i} turned from {kinds} (RFC 3264 §8.3.3: only an unused slot may)"
        elif old.kind == new.kind and old.port and new.port:
            yield from (f"m-line {i}: {fault}" for fault in _rebound(_keys(old.codecs), new.codecs))


def _origin_faults(previous: Session, current: Session) -> Iterator[str]:
    old, new = previous.origin, current.origin
    if replace(old, version=new.version) != new:
        yield "o= changed in more than the version (RFC 3264 §8)"
    elif previous == current:
        return  # RFC 3264 §8: an identical description may keep its version
    elif new.version == old.version:
        yield "the description changed under the same o= version (RFC 3264 §8)"
    elif new.version != old.version + 1 and replace(previous, origin=new) != current:
        yield f"o= version {new.version} follows {old.version} (RFC 3264 §8: one up for each change)"


def _keys(codecs: Iterable[Codec]) -> dict[int, CodecKey]:
    return {codec.payload_type: codec.key for codec in codecs}


def _rebound(known: Mapping[int, CodecKey], codecs: Iterable[Codec]) -> Iterator[str]:
    for codec in codecs:
        before = known.get(codec.payload_type)
        if before is not None and before != codec.key:
            yield (
                f"payload type {codec.payload_type} turned from {shown(before[0])} to {shown(codec.name)}"
                " (RFC 3264 §8.3.2: never within a session)"
            )


@dataclass(frozen=True, slots=True)
class PayloadHistory:
    """What every payload type of a dialog has ever stood for, per m-line (RFC 3264 §8.3.2). A value: `after` gives
    the next one.
    """

    lines: tuple[tuple[str, Mapping[int, CodecKey]], ...] = field(default=())

    def after(self, session: Session) -> PayloadHistory:
        """The history once `session`, of either side, has been sent or received.

        Raises:
            PeerError: status 488 if it lets a payload type stand for another codec than before.
        """
        lines = list(self.lines)
        for i, media in enumerate(session.media):
            known: Mapping[int, CodecKey] = {}
            if i < len(lines) and lines[i][0] == media.kind:
                known = lines[i][1]
            codecs = media.codecs if media.port else ()
            if known:
                for fault in _rebound(known, codecs):
                    raise PeerError(f"m-line {i}: {fault}", 488)
            entry = (media.kind, {**known, **_keys(codecs)})
            lines[i : i + 1] = [entry]
        return PayloadHistory(tuple(lines))
