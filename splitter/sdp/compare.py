"""What changed between two descriptions of the same side: who has to know of it. Pure."""

from __future__ import annotations

from enum import Enum

from splitter.sdp.carry import essence
from splitter.sdp.model import Media, Session


class Change(Enum):
    """How far a change of an audio line reaches.

    NONE: nothing that concerns media; a refresh.
    ADDRESS: the line moved; our media follow, the other leg need not know.
    MATERIAL: direction (hold, also by null address), codecs, fmtp, ptime or anything else that the other leg would
        notice: it is relayed.
    """

    NONE = "none"
    ADDRESS = "address"
    MATERIAL = "material"


def audio_change(old: Media, new: Media, old_session: Session, new_session: Session) -> Change:
    """Compare an audio line with its successor.

    Args:
        old, new: lines of the two sessions.
        old_session, new_session: where they stand; c= and direction may be inherited from there (RFC 8866 §5.7).
    """
    before, after = _index(old_session, old), _index(new_session, new)
    if essence(old_session, before) != essence(new_session, after):
        return Change.MATERIAL
    if old_session.address_of(before) != new_session.address_of(after):
        return Change.ADDRESS
    return Change.NONE


def _index(session: Session, media: Media) -> int:
    for i, line in enumerate(session.media):
        if line is media:
            return i
    return session.media.index(media)
