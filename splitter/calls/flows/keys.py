"""Media that were lost take with them the account of what was encrypted: no key of ours is used again (RFC 3711 §9.1).

What the peer sends can still be read; it is sent nothing until it has been told new keys, which it is owed. Pure.
"""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.leg_events import Offered
from splitter.calls.talk.live import LiveCall
from splitter.calls.talk.security import is_silent, without_our_keys
from splitter.media.ports.rooms import ParticipantMedia


def spend_keys(call: LiveCall, kind: str) -> None:
    """The voice ("audio") or the picture ("video") of a call goes on in another worker; see `owe_keys`."""
    for leg in call.sides:
        keys = leg.record.keys
        if keys is not None:
            keys.spend(kind, leg.terms.remote)
            leg.terms.remote = without_our_keys(leg.terms.remote, (kind,))
    _spend_waiting(call, kind)
    if kind == "audio":
        voice = call.talk.voice
        voice.wanted[:] = [end and end.heard_only for end in voice.wanted]
        for added in voice.added.values():
            added.wanted = added.wanted and added.wanted.heard_only
    else:
        for member in call.talk.room.members.values():
            member.media = _heard(member.media)


def _spend_waiting(call: LiveCall, kind: str) -> None:
    """Take those keys out of offers and early answers that were read with them and do not count yet."""
    pending = call.pending
    if pending.consult is not None and pending.consult.offered is not None:
        pending.consult.offered = _read_again(pending.consult.offered, kind)
    for index, offered in enumerate(pending.put_aside):
        pending.put_aside[index] = _read_again(offered, kind)
    for phone in pending.asked_phones.values():
        phone.answer = without_our_keys(phone.answer, (kind,))
    if pending.question is not None:
        pending.question.answer = without_our_keys(pending.question.answer, (kind,))


def _read_again(offered: Offered, kind: str) -> Offered:
    return replace(offered, session=without_our_keys(offered.session, (kind,)))


def owe_keys(call: LiveCall) -> None:
    """The media have a place again: whoever was told keys needs an offer with new ones, and nobody else does."""
    for leg in call.sides:
        keys = leg.record.keys
        # An offer of the peer that was read and refused has taken new keys for spent ones, and told them nobody.
        if keys is not None and (keys.spent or is_silent(leg.terms.remote)):
            call.owe(leg)


def _heard(media: ParticipantMedia | None) -> ParticipantMedia | None:
    return media and replace(media, remote=media.remote and media.remote.heard_only)
