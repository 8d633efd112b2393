"""A leg as plain data: all that another process needs to carry its dialog on."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from splitter.calls.alarms import AlarmKind
from splitter.calls.browsers.invite import TRANSPORT
from splitter.calls.peers.binding import LineMemory
from splitter.calls.states import LegState
from splitter.calls.talk.browser import BrowserRecord
from splitter.calls.talk.security import LegKeys
from splitter.calls.talk.terms import Terms
from splitter.calls.view import LegView
from splitter.core.net import Address, Flow
from splitter.sdp.model import Session
from splitter.sdp.summary import in_use
from splitter.sip.authorizer import ChallengeMemory
from splitter.sip.dialog import Dialog
from splitter.sip.session_timer import SessionTimer, TimerSettings

REPEATED_S = 32.0
"""So long is a request repeated over UDP (RFC 3261 §17.1.2.2)."""


class Opener(StrEnum):
    """The side that sent the INVITE of a leg."""

    US = "us"
    PEER = "peer"


@dataclass(slots=True)
class TimerState:
    """The session timer of a leg (RFC 4028); its deadline is an alarm of the call.

    Attributes:
        settings: what we ask for, with the Min-SE of the peer once it has named one.
        current: what was agreed; None for a session without a timer.
        too_small: how often in a row a refresh of ours got 422.
        over: the session has ended; nothing runs any more.
    """

    settings: TimerSettings
    current: SessionTimer | None = None
    too_small: int = 0
    over: bool = False

    def bounded_s(self, kind: AlarmKind, left_s: float) -> float:
        """The time in which an alarm of this leg is due, after a restart: never later than was agreed, whatever has
        become of the clock; and a refresh of the peer that came while nobody was there may still be repeated."""
        if self.current is not None and kind is AlarmKind.REFRESH:
            return min(max(0.0, left_s), self.current.refresh_after_s)
        if self.current is not None and kind is AlarmKind.DEAD:
            return min(max(REPEATED_S, left_s), self.current.dead_after_s)
        return max(0.0, left_s)


@dataclass(slots=True)
class CredentialState:
    """Where a leg stands with a peer that asks for credentials; see `legs.challenged`.

    Attributes:
        extra: requests that were sent again with credentials: the leg has no CSeq numbers for them.
        highest: the CSeq number of the latest request that was sent.
        met: challenges that were answered.
    """

    extra: int = 0
    highest: int = 0
    met: ChallengeMemory = field(default_factory=ChallengeMemory)


class _Shown(NamedTuple):
    """The view of a leg that operators see, and what it was made of."""

    of: tuple[LegState, Flow, Session | None, Session | None] | None = None
    view: LegView | None = None


class _Unwritten:
    """Memory of a leg that is not written down; a field of a dataclass would be."""

    __slots__ = ("_shown",)
    _shown: _Shown

    def __post_init__(self) -> None:
        self._shown = _Shown()

    def _remember(self, shown: _Shown) -> None:
        self._shown = shown


@dataclass(slots=True)
class LegRecord(_Unwritten):
    """One leg.

    Attributes:
        name: "caller", "centre" or "seat-1" …
        key: unique in the call, where several routes are tried and each leg is the "centre".
        opener: who sent its INVITE.
        trunk: the name of its trunk.
        host: the address that its dialog began with; see `Neighbour`.
        flow: where the peer's latest request came from. left: where a former connection of the peer came from.
        state: early, confirmed or ended.
        dialog: the confirmed one; an early one before that.
        allows: methods of the peer's Allow; empty while unknown.
        reserves: the peer's network reserves resources for each line (RFC 3312).
        refuses_digits: the peer was sent a digit in INFO, and does not take digits so.
        terms: what was agreed on.
        line: what the centre has said of its agent; None for a leg that is not asked.
        credentials: None for a peer that asks for none.
        browser: of a web caller; None for a peer that speaks SIP.
        keys: that its SDP has told; None for a peer that is told none.
    """

    name: str
    key: str
    opener: Opener
    trunk: str
    host: str
    flow: Flow
    sip_call_id: str
    timer: TimerState
    left: Address | None = None
    state: LegState = LegState.EARLY
    dialog: Dialog | None = None
    allows: frozenset[str] = frozenset()
    reserves: bool = False
    refuses_digits: bool = False
    terms: Terms = field(default_factory=Terms)
    line: LineMemory | None = None
    credentials: CredentialState | None = None
    browser: BrowserRecord | None = None
    keys: LegKeys | None = None

    @classmethod
    def of(
        cls, name: str, opener: Opener, trunk: str, flow: Flow, sip_call_id: str, timers: TimerSettings, key: str = ""
    ) -> LegRecord:
        """A leg that begins now; `key` is its name unless it is given."""
        return cls(name, key or name, opener, trunk, flow.remote.host, flow, sip_call_id, TimerState(timers))

    @property
    def by_page(self) -> bool:
        """True for a browser that goes by our API, and speaks no SIP: it shows what is written to it."""
        return self.browser is not None and self.flow.transport == TRANSPORT

    def view(self) -> LegView:
        """The leg as operators see it; made anew where something of it has changed: a call is told of many times."""
        local, remote = self.terms.local, self.terms.remote
        of = (self.state, self.flow, local, remote)
        made_of, view = self._shown
        if view is not None and of == made_of:
            return view
        audio, video = in_use(local, remote, "audio"), in_use(local, remote, "video")
        if self.browser is not None and local is not None and self.browser.transcodes(local):
            audio = f"opus/48000 as {audio}"
        view = LegView(self.name, self.trunk, str(self.flow), self.sip_call_id, self.state, audio, video)
        self._remember(_Shown(of, view))
        return view
