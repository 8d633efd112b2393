"""Preconditions for quality of service (RFC 3312, RFC 4032): segmented status as terminals of IMS use it. Pure.

Our own network is always ready: the gateway reserves nothing. So only the peer's side can be short of its resources,
and our answer asks it to say when it has them (a=conf).
"""

from __future__ import annotations

from dataclasses import replace

from splitter.sdp.model import Attribute, Media, Session

_QOS = "qos"
_MANDATORY = "mandatory"
_DIRECTIONS = {"none": frozenset(""), "send": frozenset("s"), "recv": frozenset("r"), "sendrecv": frozenset("sr")}
_MIRRORED = {"send": "recv", "recv": "send"}
_NAMES = ("curr", "des", "conf")
_SEGMENTS = frozenset({"local", "remote"})


def _current(media: Media) -> str:
    """The direction in which the sender's own segment is ready: a=curr:qos local …; "none" where it does not say."""
    for value in media.get_all("curr"):
        words = value.lower().split()
        if len(words) >= 3 and words[:2] == [_QOS, "local"] and words[2] in _DIRECTIONS:
            return words[2]
    return "none"


def _desired(media: Media, segment: str) -> list[tuple[str, str]]:
    """(strength, direction) of each a=des:qos STRENGTH SEGMENT DIRECTION; one line a direction is legal too."""
    found = []
    for value in media.get_all("des"):
        words = value.lower().split()
        if len(words) >= 4 and words[0] == _QOS and words[2] == segment and words[3] in _DIRECTIONS:
            found.append((words[1], words[3]))
    return found


def offered(media: Media) -> bool:
    """True if an m-line speaks of preconditions for the two segments; end-to-end status (e2e) is not taken up."""
    return any(
        len(words) >= 3 and words[0] == _QOS and words[1] in _SEGMENTS
        for words in (value.lower().split() for value in media.get_all("curr"))
    )


def met(session: Session) -> bool:
    """True if nothing mandatory of the peer's own segment is missing on any m-line in use (RFC 3312 §5).

    The peer's `local` is its side of the call; our side is ready by definition.
    """
    return all(_line_met(media) for media in session.media if media.port)


def _line_met(media: Media) -> bool:
    have = _DIRECTIONS[_current(media)]
    return all(
        _DIRECTIONS[direction] <= have for strength, direction in _desired(media, "local") if strength == _MANDATORY
    )


def answer_lines(offer: Media) -> tuple[Attribute, ...]:
    """What our answer to an m-line with preconditions says (RFC 3312 §6, §8).

    Our segment is `local` here and ready; theirs is `remote` and what they said, with send and recv changed over, for
    each side speaks from its own point of view (§4). While it is not ready we ask to be told.
    """
    if not offered(offer):
        return ()
    theirs = _current(offer)
    wanted = _desired(offer, "local") or [(_MANDATORY, "sendrecv")]
    lines = [
        Attribute("curr", "qos local sendrecv"),
        Attribute("curr", f"qos remote {_mirrored(theirs)}"),
        Attribute("des", "qos mandatory local sendrecv"),
        *(Attribute("des", f"qos {strength} remote {_mirrored(direction)}") for strength, direction in wanted),
    ]
    if not _line_met(offer):
        missing = frozenset[str]().union(*(_DIRECTIONS[d] for strength, d in wanted if strength == _MANDATORY))
        direction = next(name for name, parts in _DIRECTIONS.items() if parts == missing)
        lines.append(Attribute("conf", f"qos remote {_mirrored(direction)}"))
    return tuple(lines)


def _mirrored(direction: str) -> str:
    return _MIRRORED.get(direction, direction)


def with_offered(offer: Session, new: int) -> Session:
    """An offer of ours in a dialog with preconditions: what runs has its resources on both sides, the line `new` those
    of our side alone; the peer reserves and tells (RFC 3312 §5, TS 24.229 §6.1.2).
    """
    lines = []
    for i, media in enumerate(offer.media):
        theirs, strength = ("none", "optional") if i == new else ("sendrecv", _MANDATORY)
        status = (
            Attribute("curr", "qos local sendrecv"),
            Attribute("curr", f"qos remote {theirs}"),
            Attribute("des", "qos mandatory local sendrecv"),
            Attribute("des", f"qos {strength} remote sendrecv"),
        )
        kept = media.without(_NAMES).attributes
        lines.append(media.with_(attributes=(*kept, *status)) if media.port else media)
    return replace(offer, media=tuple(lines))


def without_preconditions(session: Session) -> Session:
    """The description without any status of resources."""
    if not any(item.name in _NAMES for media in session.media for item in media.attributes):
        return session
    return replace(session, media=tuple(media.without(_NAMES) for media in session.media))


def with_preconditions(offer: Session, answer: Session) -> Session:
    """Our answer with the lines that the offer's preconditions call for, on every m-line in use; earlier ones go."""
    lines = []
    for theirs, mine in zip(offer.media, answer.media, strict=True):
        kept = mine.without(_NAMES).attributes
        lines.append(mine.with_(attributes=(*kept, *answer_lines(theirs))) if mine.port else mine)
    media = tuple(lines)
    return replace(answer, media=media)
