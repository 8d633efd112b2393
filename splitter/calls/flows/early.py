"""Offers before the call is answered, in UPDATE or PRACK (RFC 3311 §5.1, RFC 3262 §5). Pure.

They say what is left of the codecs, where addresses have moved, or that resources are there (RFC 3312).
"""

from __future__ import annotations

from collections.abc import Mapping

from splitter.calls.legs.leg import Leg
from splitter.calls.messages import Refusal
from splitter.sdp.merge import in_sequence, standing_answer
from splitter.sdp.model import Media, Session
from splitter.sdp.offer_answer import check_answer
from splitter.sdp.split import NOT_VOICE


def early_answer(
    asker: Leg, before: Session, old: int, offer: Session, new: int, lines: Mapping[int, Media] | None = None
) -> Session:
    """Our answer to an early offer, out of what we said in this dialog; the other side is not asked.

    Args:
        before: what the asker said last; `old` is the index of its audio.
        offer: what it says now; `new` is the index of its audio.
        lines: by index, lines to answer with instead of the standing ones.
    Raises:
        Refusal: 500 with Retry-After where the other side would have to agree: that has to wait for the answer.
        PeerError: 488 where none of the codecs in use is left.
    """
    assert asker.local is not None and asker.sent is not None
    if not keeps_voice(before.media[old], asker.local.media[new], offer.media[new]):
        raise Refusal(500, "not before the call is answered", [("Retry-After", "2")])
    answer = in_sequence(asker.sent, standing_answer(offer, asker.local, asker.local.origin, lines))
    check_answer(offer, answer)
    return answer


def keeps_voice(before: Media, ours: Media, after: Media) -> bool:
    """True if the voice goes on as it is: the codec that both sides use comes first is there, and means the same.

    Terminals offer the one codec that was chosen once more, without all the others (TS 24.229 §6.1.2): that changes
    nothing for anybody.
    """
    names = {str(codec.payload_type): codec.name.lower() for codec in ours.codecs}
    in_use = [number for number in ours.formats if number in before.formats and names.get(number) not in NOT_VOICE]
    return bool(after.port) and bool(in_use) and _meaning(before, in_use[0]) == _meaning(after, in_use[0])


def _meaning(media: Media, number: str) -> tuple[object, ...] | None:
    """Codec and parameters of a payload type; None where it is not there."""
    if number not in media.formats:
        return None
    codec = next((codec for codec in media.codecs if str(codec.payload_type) == number), None)
    return (codec.key, codec.fmtp) if codec else ()
