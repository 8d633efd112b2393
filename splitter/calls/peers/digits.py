"""Digits in INFO, as terminals send them that know no telephone events; what they become in the voice. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.core.errors import PeerError
from splitter.rtp.telephone_event import KEYS, Digit
from splitter.sdp.model import Media
from splitter.sdp.split import NOT_VOICE
from splitter.sip.message import Request

DIGIT_TYPES = ("application/dtmf-relay", "application/dtmf", "application/vnd.nortelnetworks.digits")

_EVENT = "telephone-event"
_DURATION_MS = 160  # where the sender says nothing of it
_SHORTEST_MS, _LONGEST_MS = 40, 4000  # RFC 4733 §2.3.5 has room for four seconds at 16 kHz


@dataclass(frozen=True, slots=True)
class PressedKey:
    """A key that was pressed: "0" to "9", "*", "#", "A" to "D"."""

    name: str
    duration_ms: int

    def as_event(self, format: tuple[int, int]) -> Digit:
        """The key as a telephone event of this payload type and clock."""
        return Digit(KEYS.index(self.name), self.duration_ms, *format)


def key_of(request: Request) -> PressedKey:
    """The key that an INFO names.

    Raises:
        PeerError: 415, for it names none that could be a digit elsewhere (a hook flash, for instance).
    """
    text = request.body.decode("ascii", "replace")
    lines = [line.partition("=") for line in text.replace(";", "\n").splitlines()]
    fields = {name.strip().lower(): value.strip() for name, equals, value in lines if equals}
    signal = fields.get("signal") or fields.get("d")  # the latter as Nortel has it: p=Digit-Collection, y=Digits, d=5
    if request.content_type == "application/dtmf":
        signal = signal or text.strip()
    return PressedKey(_name(signal or ""), _duration(fields.get("duration", "")))


def event_format(ours: Media, theirs: Media) -> tuple[int, int] | None:
    """Payload type and clock of telephone-event in a stream towards a peer; None where it was not negotiated.

    Args:
        ours, theirs: the audio lines in force: what we said on this leg, and what the peer said.
    """
    common = [codec for codec in theirs.codecs if str(codec.payload_type) in ours.formats]
    voice = next((codec for codec in common if codec.name.lower() not in NOT_VOICE), None)
    for codec in common:
        # RFC 4733 §2.1: the events of a stream count in its own clock.
        if voice is not None and codec.name.lower() == _EVENT and codec.clock == voice.clock:
            return codec.payload_type, codec.clock
    return None


def _name(signal: str) -> str:
    """Some number the keys as RFC 4733 numbers their events: 10 is the star."""
    name = signal.upper()
    if len(name) == 2 and name.isascii() and name.isdigit() and name < "16":
        name = KEYS[int(name)]
    if len(name) != 1 or name not in KEYS:
        raise PeerError("there is no such key", 415)
    return name


def _duration(written: str) -> int:
    wanted = int(written) if written.isascii() and written.isdigit() and len(written) < 7 else _DURATION_MS
    return min(max(wanted, _SHORTEST_MS), _LONGEST_MS)
