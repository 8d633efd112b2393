"""Legality of offers and answers (RFC 3264). Pure."""

from __future__ import annotations

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
