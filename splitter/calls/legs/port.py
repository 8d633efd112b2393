"""A leg as flows use it: one peer of a call, and what is negotiated with it. `leg.SipLeg` implements all of it, and
`browser.WebLeg` what there is of it at a browser.

What a leg has to say comes as events (`calls.events`), in which it is named by its key.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from splitter.calls.peers.messages import Pairs
from splitter.calls.routing import Neighbour
from splitter.calls.settings import Trunk
from splitter.calls.states import LegState
from splitter.calls.talk.leg import LegRecord
from splitter.calls.talk.terms import Terms
from splitter.core.net import Flow
from splitter.sdp.model import Session
from splitter.sip.dialog import DialogId


class Leg(Protocol):
    """A leg of a call, whoever began it.

    Attributes:
        trunk: that it belongs to.
        record: all that is known of it, as plain data.
    """

    trunk: Trunk
    record: LegRecord

    # ---- what is known of it ----

    @property
    def name(self) -> str:
        """The place in the call: "caller", "centre" or "seat-1" …"""

    @property
    def key(self) -> str:
        """The name in events; unique in the call."""

    @property
    def state(self) -> LegState:
        """How far it is."""

    @property
    def terms(self) -> Terms:
        """The descriptions that were agreed on."""

    @property
    def flow(self) -> Flow:
        """Where the peer's latest message came from."""

    @property
    def neighbour(self) -> Neighbour:
        """The peer, who alone may speak on it."""

    @property
    def sip_call_id(self) -> str:
        """The name of its session at the peer."""

    @property
    def allows(self) -> frozenset[str]:
        """Methods that the peer is known to take; empty while unknown."""

    @property
    def reserves(self) -> bool:
        """The peer's network reserves resources for each line: offers of new ones have preconditions (RFC 3312)."""

    @property
    def settled(self) -> bool:
        """True while it is answered and no offer of either side is open: one may be sent (RFC 3261 §14.1)."""

    @property
    def offering(self) -> bool:
        """An offer of ours is under way, answered or not."""

    @property
    def at_rest(self) -> bool:
        """Nothing of it is under way: its record is all that it needs."""

    def is_in(self, dialog: DialogId) -> bool:
        """True if this is a dialog of the leg, confirmed or early."""

    def ask_line(self, others: Collection[str]) -> None:
        """Let it say from now on which agent the centre has given the call to; `others`: see LineMemory."""

    # ---- offers of ours ----

    def offer(self, session: Session) -> None:
        """Offer something that its peer may ask its user about; ends in OfferAccepted or OfferRefused."""

    def update(self, session: Session) -> None:
        """Offer what needs nobody's consent (RFC 3311 §5.1); ends in OfferAccepted or OfferRefused."""

    def withdraw_offer(self, reason: str | None = None) -> None:
        """Take our offer back; it still ends in OfferRefused, or in OfferAccepted where the answer crossed.

        Args:
            reason: the value of a Reason header.
        """

    def refresh(self) -> bool:
        """Refresh the session without an offer; ends in Refreshed or RefreshFailed.

        Returns: False where the peer does not allow that: an offer must do.
        """

    # ---- offers of the peer ----

    def answer(self, txn: str, session: Session) -> bool:
        """Accept an offer; `session` is the answer, or the offer where the peer has asked for one.

        Returns: False where nobody waits for it any more: the peer took it back or hung up meanwhile.
        """

    def must_answer(self, txn: str) -> bool:
        """True if this offer cannot be refused: to decline it leaves it without an answer."""

    def decline(self, txn: str, status: int, reason: str = "", headers: Pairs = ()) -> None:
        """Refuse an offer; the session stands as it was."""

    # ---- beside the session ----

    @property
    def takes_info(self) -> bool:
        """The peer can be sent INFO now."""

    def send_info(self, content_type: str, body: bytes, done: Callable[[int], None]) -> None:
        """Pass an INFO on; `done` hears its final status. See `LegInfos.inform`."""

    def reply_info(self, txn: str, status: int, reason: str = "") -> None:
        """Answer an INFO of the peer."""

    def ask_key_frame(self) -> bool:
        """Ask for a key frame beside the media (RFC 5168); False where the peer does not allow that."""

    # ---- its end ----

    def refuse(self, status: int, reason: str = "", headers: Pairs = ()) -> None:
        """Turn a leg away that waits for our answer; harmless for any other."""

    def cancel(self, reason: str | None = None) -> None:
        """Give up a leg whose peer has not answered us; harmless for any other. Nothing is posted."""

    def bye(self, headers: Pairs = ()) -> None:
        """End a leg that was answered, and one that waits for our answer."""


class ArrivedLeg(Leg, Protocol):
    """A leg whose peer has called us: a caller, a seat, or a leg of the centre that takes another one's place."""

    @property
    def called(self) -> str:
        """The number or service that it calls."""

    @property
    def calls_itself(self) -> str:
        """The number or name that it calls itself by; "" where it says none."""

    @property
    def wants_early_media(self) -> bool:
        """True where its network wants to be told who may be heard before the answer (RFC 5009)."""

    @property
    def first_txn(self) -> str:
        """Names what it began with; `answer` and `decline` take it too."""

    @property
    def cancelled(self) -> bool:
        """True where nobody waits for our answer: the peer gave up (Cancelled was posted), or was refused."""

    @property
    def early_sessions(self) -> Mapping[str, Session]:
        """The descriptions that it was told before the answer, by branch."""

    def first_offer(self) -> Session | None:
        """Read what it offers; None where that is left to us. Raises PeerError where that cannot be read."""

    def await_answer(self) -> None:
        """Tell the peer every minute that the call is alive."""

    def ring_again(self) -> None:
        """Say the last thing once more, where it still waits."""

    def ring(self, status: int, reason: str, branch: str, session: Session | None = None, headers: Pairs = ()) -> None:
        """Tell the peer how far the call is; `branch` names who of the centre said so."""

    def accept(self, session: Session, branch: str = "", headers: Pairs = ()) -> bool:
        """Answer it, as soon as that may be done; False where nobody waits for it any more."""


class DialledLeg(Leg, Protocol):
    """A leg whose peer we have called."""

    def acknowledge(self, session: Session) -> None:
        """Answer the offer that came with the peer's answer."""
