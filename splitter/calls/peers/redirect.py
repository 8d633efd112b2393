"""A redirect (RFC 3261 §8.1.3.4): which numbers a centre wants to be called instead. Pure.

As of a REFER, the number alone counts; its host is not followed: where a call goes is for the one who makes it to say.
"""

from __future__ import annotations

from contextlib import suppress

from splitter.core.errors import PeerError
from splitter.sip.message import Response
from splitter.sip.uri import NameAddr

_MOVED = (300, 301, 302)  # 305 names a proxy, 380 a service
_LONGEST = 64


def numbers_instead(response: Response) -> list[str]:
    """The numbers in the Contact of a redirect, those that it likes best first (RFC 3261 §20.10); none of any other."""
    if response.status not in _MOVED:
        return []
    found = []
    with suppress(PeerError):
        found = [address for address in response.contacts if address.user]
    found.sort(key=_liking, reverse=True)
    users = dict.fromkeys(address.user for address in found)
    return [user for user in users if len(user) <= _LONGEST and user.isprintable()]


def _liking(address: NameAddr) -> float:
    """Its q, which is 1 where it has none that can be read (RFC 2616 §3.9)."""
    with suppress(ValueError):
        return min(max(float(address.params.get("q") or "1"), 0.0), 1.0)
    return 1.0
