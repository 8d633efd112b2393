"""Who may be heard before the answer: P-Early-Media of the centre, and ours towards the caller (RFC 5009). Pure."""

from __future__ import annotations

from splitter.calls.settings import Trunk
from splitter.core.errors import PeerError
from splitter.sip.message import Request, Response

_HEADER = "P-Early-Media"
_OPEN = frozenset({"sendrecv", "sendonly"})
_DIRECTIONS = _OPEN | {"recvonly", "inactive"}


class EarlyMedia:
    """What one centre has allowed so far, in each of its early dialogs.

    A centre that says nothing of it allows what it sends; so does one whose word on this is not taken. The directions
    are those of SDP, as the sender of the header sees them (§8).
    """

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        self._latest = ""

    def hear_response(self, branch: str, response: Response, trunk: Trunk) -> bool:
        """Take a provisional response; True if it says something new of early media."""
        self._latest = branch
        word = _direction(response) if trunk.trusted else ""
        if not word or word == self._said.get(branch, "sendrecv"):
            return False
        self._said[branch] = word
        return True

    @property
    def gated(self) -> bool:
        """The caller must not hear what the early dialog heard of last sends."""
        return self._said.get(self._latest, "sendrecv") not in _OPEN

    def headers(self) -> list[tuple[str, str]]:
        """The header of a provisional response to a network that asked to be told; see `asks_early_media`."""
        return [(_HEADER, self._said.get(self._latest, "sendrecv"))]


def asks_early_media(invite: Request) -> bool:
    """True where a caller's network wants to be told (RFC 5009 §8).

    Without being told, an IMS core may keep announcements and queue music from the caller.
    """
    return "supported" in (invite.headers.get(_HEADER) or "").lower()


def _direction(response: Response) -> str:
    """What a header says of the first line, which is the voice; "" for nothing that is known."""
    try:
        words = response.headers.values(_HEADER)
    except PeerError:
        return ""
    return next((word.lower() for word in words if word.lower() in _DIRECTIONS), "")
