"""Offers before the call is answered, in UPDATE or PRACK (RFC 3311 §5.1, RFC 3262 §5).

They say what is left of the codecs, where addresses have moved, or that resources are there (RFC 3312). Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from splitter.calls.peers.messages import Refusal
from splitter.calls.talk.legs import LegFacts
from splitter.sdp.codec import Codec
from splitter.sdp.fmtp import agrees
from splitter.sdp.merge import in_sequence, standing_answer
from splitter.sdp.model import Media, Session
from splitter.sdp.offer_answer import check_answer
from splitter.sdp.split import NOT_VOICE, audio_line


def early_answer(
    asker: LegFacts,
    before: Session,
    old: int,
    offer: Session,
    new: int,
    lines: Mapping[int, Media] | None = None,
    *,
    binding: bool = False,
) -> Session:
    """Our answer to an early offer, out of what we said in this dialog; the other side is not asked.

    Args:
        before: what the asker said last; `old` is the index of its audio.
        offer: what it says now; `new` is the index of its audio.
        lines: by index, lines to answer with instead of the standing ones.
        binding: it cannot be refused; what the other side would have to agree to is told afterwards.
    Raises:
        Refusal: 500 with Retry-After where the other side would have to agree: that has to wait for the answer.
        PeerError: 488 where none of the codecs in use is left.
    """
    ours = asker.terms.ours
    voice = audio_line(ours)
    if not binding and not keeps_voice(before.media[old], ours.media[voice], offer.media[new]):
        raise Refusal(500, "not before the call is answered", [("Retry-After", "2")])
    answer = in_sequence(asker.terms.latest, standing_answer(offer, ours, ours.origin, lines, {new: voice}))
    check_answer(offer, answer)
    return answer


def keeps_voice(before: Media, ours: Media, after: Media) -> bool:
    """True if the voice goes on as it is: the codec that both sides use comes first is there, and means the same.

    Terminals offer the one codec that was chosen once more, without all the others (TS 24.229 §6.1.2): that changes
    nothing for anybody.
    """
    names = {str(codec.payload_type): codec.name.lower() for codec in ours.codecs}
    in_use = [number for number in ours.formats if number in before.formats and names.get(number) not in NOT_VOICE]
    if not after.port or not in_use or in_use[0] not in after.formats:
        return False
    now, then, mine = (_codec(media, in_use[0]) for media in (after, before, ours))
    if now is None or then is None:
        return now is then
    return agrees(now, then, mine) if mine is not None and mine.key == then.key else agrees(now, then)


def _codec(media: Media, number: str) -> Codec | None:
    """The codec of a payload type; None for one that is not known."""
    return next((codec for codec in media.codecs if str(codec.payload_type) == number), None)
