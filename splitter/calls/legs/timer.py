"""The session timer of one leg (RFC 4028): what was agreed, and the two alarms that follow from it.

No I/O of its own: alarms are set through the call, and come back as TimeUp.
"""

from __future__ import annotations

from collections.abc import Callable

from splitter.calls.alarms import Alarm, AlarmKind
from splitter.calls.talk.leg import TimerState
from splitter.core.errors import PeerError
from splitter.sip import session_timer
from splitter.sip.message import Request, Response
from splitter.sip.session_timer import Refresher, SessionTimer


class LegTimer:
    """The session timer of a leg: who refreshes, and by when.

    Args:
        state: what was agreed.
        leg: its name, for its alarms.
        after, stop: set and stop an alarm of the call.
    """

    def __init__(
        self,
        state: TimerState,
        leg: str,
        after: Callable[[float, Alarm], None],
        stop: Callable[[Alarm], None],
    ) -> None:
        self._refresh = Alarm(AlarmKind.REFRESH, leg)
        self._dead = Alarm(AlarmKind.DEAD, leg)
        self._state = state
        self._after = after
        self._stop = stop

    def request_headers(self) -> list[tuple[str, str]]:
        """What an INVITE or UPDATE of ours says."""
        return session_timer.request_headers(self._state.settings, self._state.current)

    def judge(self, request: Request) -> tuple[SessionTimer | None, list[tuple[str, str]]]:
        """What an INVITE or UPDATE of the peer leads to, and the headers of our 2xx; see `start`.

        Raises:
            PeerError: 422 with Min-SE, or 400.
        """
        return session_timer.as_uas(request, self._state.settings, self._state.current)

    def agreed(self, response: Response) -> None:
        """A 2xx to our INVITE or UPDATE.

        Raises:
            PeerError: its Session-Expires cannot be read; the timer is as it was.
        """
        self.start(session_timer.as_uac(response))

    def raised(self, response: Response) -> bool:
        """Take up the Min-SE of a 422; True if it is worth asking again (RFC 4028 §7.4)."""
        if response.status != 422:
            return False
        try:
            self._state.settings = session_timer.after_too_small(response, self._state.settings)
        except PeerError:
            return False
        return True

    def start(self, timer: SessionTimer | None) -> None:
        """Run anew with this agreement; None for a session without a timer.

        After `end` nothing runs any more: an answer that comes late must not wake a call that is over.
        """
        self._stop_both()
        self._state.current = timer
        if timer is None or self._state.over:
            return
        if timer.refresher is Refresher.US:
            self._after(timer.refresh_after_s, self._refresh)
        else:
            self._after(timer.dead_after_s, self._dead)

    def end(self) -> None:
        """The session is over."""
        self._state.over = True
        self._stop_both()

    def _stop_both(self) -> None:
        self._stop(self._refresh)
        self._stop(self._dead)
