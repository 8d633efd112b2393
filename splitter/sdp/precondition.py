"""Preconditions for quality of service (RFC 3312, RFC 4032): segmented status as terminals of IMS use it. Pure.

Our own network is always ready: the gateway reserves nothing. So only the peer's side can be short of its resources,
and our answer asks it to say when it has them (a=conf).
"""

from __future__ import annotations

from dataclasses import replace

from splitter.sdp.model import Attribute, Media, Session

_QOS = "qos"


def _status(media: Media, name: str, segment: str) -> str:
    """The direction of a=curr:qos SEGMENT …; "" where the line does not say."""
    for value in media.get_all(name):
        words = value.lower().split()
        if len(words) >= 3 and words[0] == _QOS and words[-2] == segment:
            return words[-1]
    return ""


def offered(media: Media) -> bool:
    """True if an m-line speaks of preconditions."""
    return bool(media.get_all("curr"))


def met(session: Session) -> bool:
    """True if nothing mandatory of the peer's own segment is missing on any m-line in use (RFC 3312 §5).

    The peer's `local` is its side of the call; our side is ready by definition.
    """
    return all(_line_met(media) for media in session.media if media.port)


def _line_met(media: Media) -> bool:
    for value in media.get_all("des"):
        words = value.lower().split()
        if len(words) >= 4 and words[0] == _QOS and words[1] == "mandatory" and words[2] == "local":
            have = _status(media, "curr", "local")
            if have != "sendrecv" and have != words[3]:
                return False
    return True


def answer_lines(offer: Media) -> tuple[Attribute, ...]:
    """What our answer to an m-line with preconditions says (RFC 3312 §6, §8).

    Our segment is `local` here and ready; theirs is what they said; while it is not ready we ask to be told.
    """
    if not offered(offer):
        return ()
    theirs = _status(offer, "curr", "local") or "none"
    lines = [
        Attribute("curr", "qos local sendrecv"),
        Attribute("curr", f"qos remote {theirs}"),
        Attribute("des", "qos mandatory local sendrecv"),
        Attribute("des", "qos mandatory remote sendrecv"),
    ]
    if not _line_met(offer):
        lines.append(Attribute("conf", "qos remote sendrecv"))
    return tuple(lines)


def with_preconditions(offer: Session, answer: Session) -> Session:
    """Our answer with the lines that the offer's preconditions call for, on every m-line in use."""
    media = tuple(
        mine.with_(attributes=(*mine.attributes, *answer_lines(theirs))) if mine.port else mine
        for theirs, mine in zip(offer.media, answer.media, strict=True)
    )
    return replace(answer, media=media)
