"""Reliable provisional responses (RFC 3262): numbers and order on both sides. Pure.

The repetition of a response until its PRACK is the endpoint's; here is which response a PRACK confirms, and which
response of the peer is next in line.
"""

from __future__ import annotations

from splitter.core.errors import PeerError
from splitter.sip.message import Message, Request, Response

_LARGEST = 2**32 - 1  # §7.1; only the first number of a row has to be below 2**31 (§3)


def supports(message: Message) -> bool:
    """True if the sender can take reliable provisional responses."""
    return _names(message, "supported") or requires(message)


def requires(message: Message) -> bool:
    """True if it insists on them; in a response: this one is reliable."""
    return _names(message, "require")


def _names(message: Message, header: str) -> bool:
    return any(name.lower() == "100rel" for name in message.headers.values(header))


class ReliableSender:
    """Our reliable responses to one INVITE, over all its early dialogs (§3).

    Args:
        first: the first RSeq, random in [1, 2**31).
        cseq: of the INVITE.
    """

    def __init__(self, first: int, cseq: int) -> None:
        self._next = max(1, first)
        self._cseq = cseq
        self._open: int | None = None

    @property
    def waiting(self) -> bool:
        """A response waits for its PRACK; the next one must not be sent yet."""
        return self._open is not None

    def headers(self) -> list[tuple[str, str]]:
        """The headers that make the next provisional response a reliable one."""
        self._open = self._next
        self._next += 1
        return [("Require", "100rel"), ("RSeq", str(self._open))]

    def confirm(self, prack: Request) -> None:
        """A PRACK came (§3).

        Raises:
            PeerError: 481 where it confirms no response that waits; 400 where RAck cannot be read.
        """
        words = (prack.headers.get("rack") or "").split()
        if len(words) != 3 or not all(word.isascii() and word.isdigit() and len(word) <= 10 for word in words[:2]):
            raise PeerError("PRACK without a readable RAck")
        if (int(words[0]), int(words[1]), words[2]) != (self._open, self._cseq, "INVITE"):
            raise PeerError("PRACK for a response that does not wait for one", 481)
        self._open = None

    def give_up(self) -> None:
        """Stop waiting for a PRACK that will not come."""
        self._open = None


class ReliableReceiver:
    """The peer's reliable responses in one early dialog (§4)."""

    def __init__(self) -> None:
        self._last: int | None = None

    def take(self, response: Response) -> bool:
        """Judge a reliable response; False for a repetition and for one that is ahead of its turn.

        Raises:
            PeerError: RSeq is missing or cannot be read.
        """
        digits = (response.headers.get("rseq") or "").strip()
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 10 and int(digits) <= _LARGEST):
            raise PeerError("a reliable response without a readable RSeq")
        number = int(digits)
        if self._last is not None and number != self._last + 1:
            return False
        self._last = number
        return True


def rack(response: Response) -> str:
    """The RAck of the PRACK to a response (§7.2)."""
    number, method = response.cseq
    return f"{(response.headers.get('rseq') or '').strip()} {number} {method}"
