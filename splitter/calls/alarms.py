"""The alarms of one call: deadlines as plain data. Whoever owns them arms one timer; see `inbox`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from splitter.core.frozen import frozen


class AlarmKind(StrEnum):
    """The kind of an alarm; the subject is named beside it."""

    RING = "the centre rings for too long"
    RING_AGAIN = "it is to hear that it still rings"  # subject: the leg (RFC 3261 §13.3.1.1)
    RESOURCES = "the caller's resources are not there in time"  # subject: the leg (RFC 3312)
    REFRESH = "the session is to be refreshed"  # subject: the leg (RFC 4028)
    DEAD = "the peer has not refreshed its session"  # subject: the leg (RFC 4028)
    CONSULT = "the side that is asked takes too long"
    OFFER_AGAIN = "an offer of ours is due again"  # subject: the leg
    CONSENT = "the caller has not consented in time"
    ASK_AGAIN = "the caller may be asked for video again"
    ROOM = "the room is not ready in time"
    PICTURE = "no picture of the caller's has come in time"
    REJOIN = "the party has not come back in time"  # subject: the party
    ADMISSION = "nobody has answered whether a desk may join"  # subject: its extension
    DIGITS = "digits have waited for the answer for too long"
    PHONE = "a phone that was invited rings for too long"  # subject: the phone
    PHONE_VIDEO = "a phone has not consented in time, or may be asked again"  # subject: the phone
    TRANSFER = "the one to whom a call is handed rings for too long"
    MOVE_VOICE = "a relay is to be tried for again"
    POINT_VOICE = "a side of the relay is to be pointed again"
    MOSAIC = "a mosaic takes too long, or is to be tried for again"  # subject: which
    MOVE_VIDEO = "a room is to be tried for again"
    TAP = "what is not recorded is to be tried again"


class Alarm(NamedTuple):
    """One alarm: of a kind and, where there may be several, of a leg or party by name."""

    kind: AlarmKind
    subject: str = ""


@frozen
class Epoch:
    """A steady clock and its zero; see `calls.persistence.epochs`.

    Attributes:
        boot: names the steady clock; "" for one that nobody else has.
        offset_s: its zero, in Unix seconds.
    """

    boot: str
    offset_s: float


@frozen
class Due:
    """An alarm that is set, as it is written down; `at` is in Unix seconds, by the epoch that stands beside it."""

    kind: AlarmKind
    subject: str
    at: float


class Alarms:
    """The deadlines that are set, in seconds of the caller's clock.

    Attributes:
        next_at: when the first one rings; None where none is set.
    """

    def __init__(self) -> None:
        self._deadlines: dict[Alarm, float] = {}
        self.next_at: float | None = None

    @property
    def deadlines(self) -> Mapping[Alarm, float]:
        """Each alarm that is set, and when it rings."""
        return self._deadlines

    def set(self, alarm: Alarm, at: float) -> None:
        """Ring at this time; the same alarm is set anew."""
        self._deadlines[alarm] = at
        self._look()

    def stop(self, alarm: Alarm) -> bool:
        """Take an alarm back. Returns: whether it was set."""
        if alarm not in self._deadlines:
            return False
        del self._deadlines[alarm]
        self._look()
        return True

    def ring(self, now: float) -> Alarm | None:
        """The alarm that is due and was set for the earliest time, which is no longer set then; None if none is due."""
        if self.next_at is None or self.next_at > now:
            return None
        alarm = min(self._deadlines, key=self._deadlines.__getitem__)
        self.stop(alarm)
        return alarm

    def clear(self) -> None:
        """Take all of them back."""
        self._deadlines.clear()
        self.next_at = None

    def _look(self) -> None:
        self.next_at = min(self._deadlines.values(), default=None)
