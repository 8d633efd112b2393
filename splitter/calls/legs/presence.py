"""Whether the browser of a leg that speaks SIP is still there: its media say so, and before those its connection.

No I/O of its own. A page that is closed says nothing: no BYE, no CANCEL. So a call ends where nothing has come from the
browser for a while (`BrowserLine`), where its media do not come within `PATH_LIMIT_S` of the answer, and, as long as it
rings, where its connection is gone and does not come back.
"""

from __future__ import annotations

from weakref import WeakMethod

from splitter.calls.browsers.invite import farewell
from splitter.calls.browsers.line import BrowserLine, BrowserSaid, HungUp, TriedAgain
from splitter.calls.browsers.view import WebState
from splitter.calls.leg_events import Ended
from splitter.calls.legs.context import LegContext
from splitter.calls.legs.dialog import LegDialog
from splitter.calls.legs.server import InviteServer
from splitter.calls.legs.webrtc import BrowserDescriptions
from splitter.calls.states import LegState
from splitter.calls.talk.browser import BrowserRecord
from splitter.transport.settings import WEB

PATH_LIMIT_S = 20.0
"""So long may a browser take until its media flow, from our answer on."""
LOOKED_S = 5.0
"""So often is its connection looked at while it rings; gone twice in a row, the call is given up."""


class BrowserPresence:
    """Ends a leg whose browser is gone.

    Args:
        dialog: of the leg.
    """

    def __init__(self, shared: LegContext, dialog: LegDialog, browser: BrowserRecord) -> None:
        self._shared, self._dialog, self._browser = shared, dialog, browser
        self._missed = 0

    def begin(self) -> None:
        """The leg begins: hear of its browser."""
        if (line := self._line) is not None:
            line.listen(WeakMethod(self.hear))
            line.show(state=WebState.CALLING)
            line.say_later(LOOKED_S, TriedAgain())

    def resume(self) -> None:
        """The leg goes on in another process: take up its browser's adapter."""
        browser, record = self._browser, self._dialog.context.record
        line = self._shared.browsers.resume(
            browser.adapter.call_id, browser.adapter, record.host, browser.customer, record.trunk
        )
        line.listen(WeakMethod(self.hear))
        line.show(state=WebState.CONNECTED)
        if isinstance(security := self._dialog.context.security, BrowserDescriptions):
            security.resume()

    def expect_media(self) -> None:
        """The call is answered: its media have to come now."""
        if (line := self._line) is not None:
            line.show(state=WebState.CONNECTED)
            line.expect(PATH_LIMIT_S)

    def hear(self, said: BrowserSaid) -> None:
        """Hear what becomes of the browser."""
        match said:
            case HungUp():
                self._give_up("nothing comes from the browser any more: it is gone, or has no way for its media")
            case TriedAgain() if self._dialog.context.state is LegState.EARLY:
                self._look()

    def _look(self) -> None:
        flow = self._dialog.context.flow
        # Over WebSocket its connection is the only way to it (RFC 7118 §5); a proxy before us may open another one.
        reached = flow.transport not in WEB or self._shared.driver.reaches(flow)
        self._missed = 0 if reached else self._missed + 1
        if self._missed > 1:
            self._give_up("the browser's connection is gone, and it rang")
        elif (line := self._line) is not None:
            line.say_later(LOOKED_S, TriedAgain())

    def _give_up(self, why: str) -> None:
        context, invite = self._dialog.context, self._dialog.invite
        goodbye = farewell(context.record.sip_call_id, "the browser is gone")
        self._shared.note(context.record.name, "media", why)
        if context.state is LegState.EARLY and isinstance(invite, InviteServer):
            invite.on_cancel(goodbye)
        elif context.state is LegState.CONFIRMED:
            self._dialog.bye([("Reason", 'SIP;cause=480;text="no media"')])
            context.post(Ended(context.key, goodbye))

    @property
    def _line(self) -> BrowserLine | None:
        return self._shared.browsers.get(self._browser.adapter.call_id)
