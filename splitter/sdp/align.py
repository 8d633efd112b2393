"""A peer's m-lines brought beside ours, for real endpoints leave lines out that are off, or move them. Pure.

An answer has as many lines as the offer, in the same order (RFC 3264 §6); a later offer never has fewer than before
(§8). Where a peer breaks that, each line is still told by its kind, and what is missing is off. The voice must be
there: without it there is nothing to go on with, and the description stays as it is for the others to judge.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from splitter.sdp.model import Media, Session
from splitter.sdp.video import refuse


def aligned(offer: Session, answer: Session) -> Session:
    """The answer with one line for each that was offered, of the same kind.

    Returns: the same session where it is in order; lines that were not offered are left out, missing ones have port 0.
    """
    if _kinds(offer.media) == _kinds(answer.media):
        return answer
    left = list(enumerate(answer.media))
    lines = []
    for i, offered in enumerate(offer.media):
        fitting = [(at, line) for at, line in left if line.kind == offered.kind and (offered.port or not line.port)]
        if not fitting:
            if offered.kind == "audio" and offered.port:
                return answer
            lines.append(refuse(offered))
            continue
        found = min(fitting, key=lambda one: (not one[1].port, one[0] != i, one[0]))
        left.remove(found)
        lines.append(found[1])
    return replace(answer, media=tuple(lines))


def described(offer: Session, answer: Session) -> Session:
    """The answer with what its numbers stand for, where it leaves that out: what they were offered for (RFC 3264 §6.1).

    A later offer has the numbers of the same peer's description before it.

    Returns: the same session where each format is described, or is known without.
    """
    lines = [_described(asked, given) for asked, given in zip(offer.media, answer.media, strict=False)]
    if all(one is other for one, other in zip(lines, answer.media, strict=False)):
        return answer
    return replace(answer, media=(*lines, *answer.media[len(lines) :]))


def _described(offered: Media, answered: Media) -> Media:
    known = {str(codec.payload_type) for codec in answered.codecs}
    bare = {number for number in answered.formats if number not in known}
    if not answered.port or offered.kind != answered.kind or bare.isdisjoint(offered.formats):
        return answered
    mapped, spoken = (
        {(value or "").partition(" ")[0] for name, value in answered.attributes if name in names}
        for names in (("rtpmap",), ("rtpmap", "fmtp"))
    )
    missing = {"rtpmap": bare - mapped, "fmtp": bare - spoken}
    added = [item for item in offered.attributes if (item.value or "").partition(" ")[0] in missing.get(item.name, ())]
    return answered.with_(attributes=(*answered.attributes, *added)) if added else answered


def without_foreign_video(offer: Session, answer: Session) -> Session:
    """The answer without pictures in formats that were not offered: nothing could be made of them (RFC 3264 §6.1).

    Returns: the same session where there is none.
    """
    lines = [
        refuse(given) if given.kind == "video" and given.port and _foreign(asked, given) else given
        for asked, given in zip(offer.media, answer.media, strict=False)
    ]
    if all(one is other for one, other in zip(lines, answer.media, strict=False)):
        return answer
    return replace(answer, media=(*lines, *answer.media[len(lines) :]))


def _foreign(offered: Media, answered: Media) -> bool:
    keys = {codec.key for codec in offered.codecs}
    return bool(offered.port and keys) and not any(codec.key in keys for codec in answered.codecs)


def lengthened(offer: Session, ours: Session | None) -> Session:
    """A later offer with the lines at its end that it has left out, as if they were offered with port 0.

    Args:
        ours: our description in force, with a line for each that the peer had so far.
    """
    missing = ours.media[len(offer.media) :] if ours is not None else ()
    return replace(offer, media=(*offer.media, *(refuse(media) for media in missing))) if missing else offer


def shortened(answer: Session, offer: Session) -> Session:
    """Our answer to an offer that was `lengthened`, with as many lines as were sent to us."""
    if len(answer.media) <= len(offer.media):
        return answer
    return replace(answer, media=answer.media[: len(offer.media)])


def _kinds(lines: Iterable[Media]) -> list[str]:
    return [media.kind for media in lines]
