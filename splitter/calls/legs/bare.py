"""The parts of a leg that only SIP has, as they are for a peer that does not speak it."""

from __future__ import annotations

from collections.abc import Callable, Collection

from splitter.calls.talk.outline import OpenDialog
from splitter.calls.talk.unfinished import Waiting
from splitter.sdp.model import Session
from splitter.sip.dialog import DialogId


class BareLeg:
    """A leg whose peer has no dialog, no INFO and no timers, and is never called; see `port.Leg` for each of them."""

    @property
    def reserves(self) -> bool:
        return False

    def is_in(self, dialog: DialogId) -> bool:
        return False

    def ask_line(self, others: Collection[str]) -> None:
        """A caller has no agents to tell of."""

    @property
    def wants_early_media(self) -> bool:
        return False

    def await_answer(self) -> None:
        """A browser is patient."""

    def ring_again(self) -> None:
        """Nothing is lost on the way to a browser."""

    def must_answer(self, txn: str) -> bool:
        return False

    @property
    def takes_info(self) -> bool:
        return False

    def send_info(self, content_type: str, body: bytes, done: Callable[[int], None]) -> None:
        done(415)

    def reply_info(self, txn: str, status: int, reason: str = "") -> None:
        """Answer no INFO: it sends none."""

    def ask_key_frame(self) -> bool:
        return False

    def calling(self) -> Waiting | None:
        """Tell of no INVITE of ours: it was not called."""
        return None

    def open_dialog(self) -> OpenDialog | None:
        """Tell of no dialog: it has none that could be sent a BYE."""
        return None

    @property
    def answer_due(self) -> str:
        """Owe no answer: it asks again by itself."""
        return ""

    def unanswered(self) -> tuple[Waiting, ...]:
        """Leave no offer behind: it offers again by itself."""
        return ()

    def cancel(self, reason: str | None = None) -> None:
        """Give nothing up: it was not called."""

    def acknowledge(self, session: Session) -> None:
        """Confirm nothing: it was not called."""
