"""One call's hunt for a centre that takes it: trunks in order, and the servers of each (RFC 3263 §4.3).

Nothing here waits: what a name leads to is known or it is not, and a trunk that is full is passed over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from math import ceil
from typing import NamedTuple

from splitter.calls.peers.causes import tries_next_route, tries_next_server
from splitter.calls.peers.redirect import numbers_instead
from splitter.calls.settings import Choice, Role, Trunk
from splitter.calls.trunks.admission import Denied, Permit, TrunkLimits
from splitter.calls.trunks.link import Alive, Faulty, HeldOff, TrunkState
from splitter.calls.trunks.trunks import Trunks
from splitter.core.pauses import retry_after_s
from splitter.sip.message import Response
from splitter.telemetry import metrics
from splitter.transport.targets import Pick, Target

SERVERS_MOST = 4  # of one trunk: a caller must not wait for dozens of dead ones
REDIRECTS_MOST = 5  # of one call: a centre that redirects in a circle must not keep it


class Way(NamedTuple):
    """One attempt: a server of a trunk, and the number it is shown."""

    trunk: Trunk
    number: str
    target: Target


class Hunt:
    """The ways that one call may take, one after the other.

    Args:
        destinations: trunk and number, in the order of the route.
        note: told why a trunk is passed over, and which numbers a centre names instead.
        is_former: True for a trunk that was taken out of the configuration meanwhile.

    Attributes:
        denied: why the last trunk that was passed over was; what the caller is told where no way is left.
    """

    def __init__(
        self,
        trunks: Trunks,
        limits: TrunkLimits,
        destinations: Sequence[tuple[Trunk, str]],
        choice: Choice,
        pick: Pick,
        now: float,
        note: Callable[[str], None],
        is_former: Callable[[Trunk], bool] = lambda trunk: False,
    ) -> None:
        self._trunks = trunks
        self._limits = limits
        self._pick = pick
        self._note = note
        self._is_former = is_former
        self._permit: Permit | None = None
        self._servers: deque[Way] = deque()
        self._redirects: deque[Way] = deque()
        self._redirected: set[str] = set()  # numbers that a redirect has named, or that were redirected
        order = trunks.order(destinations, choice, now, pick)
        self._left = deque(order)
        self.denied = Denied("trunk-down", "no centre takes calls now", ceil(trunks.frees_in(destinations, now)))
        for trunk, _ in destinations:
            state, reason = trunks.state(trunk, now)
            if state is not TrunkState.UP:
                fate = "it is tried last" if any(trunk is kept for kept, _ in order) else "it is passed over"
                note(f"{trunk.name} is {state}: {reason}; {fate}")

    def next(self, now: float) -> Way | None:
        """The next way, with the call's place on its trunk taken; None where none is left."""
        if self._redirects:
            return self._redirects.popleft()
        while not self._servers:
            self.close()
            if not self._left:
                return None
            self._enter(*self._left.popleft(), now)
        return self._servers.popleft()

    def refused(self, way: Way, status: int, response: Response | None, now: float) -> bool:
        """An attempt failed.

        Args:
            status: of the response, or what stands for its absence.
        Returns: whether the next way is worth an attempt.
        """
        self._judge(way, status, response, now)
        if not tries_next_server(status):
            self._servers.clear()
        silent = response is None and tries_next_server(status)
        if silent or status >= 600:  # nobody there, or (RFC 3261 §21.6) nobody anywhere
            self._redirects.clear()
        if response is not None and way.trunk.role is Role.CENTRE:
            self._follow(way, numbers_instead(response))
        return bool(self._redirects) or tries_next_route(status)

    def took(self, way: Way, now: float) -> None:
        """The call is answered there."""
        self._trunks.hear_news(way.trunk, way.target, Alive(), now)

    def close(self) -> None:
        """The call is over, or has left the trunk: its place is free."""
        if self._permit is not None:
            self._permit.release()
            self._permit = None

    # ---- inside ----

    def _judge(self, way: Way, status: int, response: Response | None, now: float) -> None:
        """Say what a refusal means for the server that it came from, or did not."""
        if response is not None:
            pause_s = retry_after_s(response.headers.get("retry-after"))
            news = HeldOff("INVITE: 503", pause_s) if status == 503 and pause_s else Alive()
            self._trunks.hear_news(way.trunk, way.target, news, now)
        elif status in (408, 503):
            reason = "INVITE: no answer" if status == 408 else "INVITE: cannot be sent"
            self._trunks.hear_news(way.trunk, way.target, Faulty(reason), now)

    def _follow(self, way: Way, numbers: Sequence[str]) -> None:
        """Call these numbers next, at the same server, as for a phone whose calls are forwarded (RFC 3261 §8.1.3.4).

        No number is called twice, and not more than `REDIRECTS_MOST`.
        """
        self._redirected.add(way.number)
        fresh = [number for number in numbers if number not in self._redirected]
        fresh = fresh[: max(0, REDIRECTS_MOST + 1 - len(self._redirected))]
        self._redirected.update(fresh)
        self._redirects.extend(Way(way.trunk, number, way.target) for number in fresh)
        if fresh:
            self._note(f"{way.trunk.name} names {', '.join(fresh)} instead")

    def _enter(self, trunk: Trunk, number: str, now: float) -> None:
        if self._is_former(trunk):
            self._note(f"{trunk.name} is passed over: it is no longer configured")
            return
        targets = self._trunks.targets(trunk, now, self._pick)
        if not targets:
            self._note(f"{trunk.name} is passed over: {self._trunks.state(trunk, now)[1]}")
            return
        permit = self._limits.take_place(trunk, now)
        if isinstance(permit, Denied):
            self.denied = permit
            self._note(f"{trunk.name} is passed over: {permit.reason}")
            metrics.trunks.LIMITED.labels(trunk.name, permit.why.removeprefix("trunk-")).inc()
            return
        self._permit = permit
        self._servers.extend(Way(trunk, number, target) for target in targets[:SERVERS_MOST])
