"""The other nodes of the cluster: what they tell, and what is passed on to them. asyncio; its parts do the I/O."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from urllib.parse import quote

import structlog
from aiohttp import web

from splitter.calls.desks import Desks
from splitter.calls.logins.access import Scope
from splitter.calls.view import CallView
from splitter.cluster.nodes import Directory, NodeView
from splitter.core.clock import Clock
from splitter.transport.tasks import Tasks
from splitter.web.access.auth import bearer_of
from splitter.web.access.bearer import Bearer
from splitter.web.calls.find import from_number
from splitter.web.events.hub import Hub
from splitter.web.http.errors import ApiError
from splitter.web.http.routes import Operation
from splitter.web.nodes.feed import Feed
from splitter.web.nodes.forward import Forwarder, was_forwarded
from splitter.web.nodes.way import Ways
from splitter.web.ports import LiveCalls, NodeAnswer

LOOK_S = 0.5
FORGOTTEN_AFTER_S = 60.0  # a node that nobody is any longer: its calls have ended, or will be told anew

log = structlog.get_logger(__name__)


class Neighbours:
    """The other nodes, as this one sees them.

    Args:
        own: the name of this one; empty without a cluster, and then nothing is done here.
        directory: which nodes there are.
        said: what this one says of itself.
    """

    def __init__(
        self,
        own: str,
        directory: Directory,
        said: Callable[[], NodeView],
        ways: Ways,
        clock: Clock,
        hub: Hub,
        desks: Desks,
    ) -> None:
        self.own = own
        self._directory = directory
        self._clock = clock
        self._hub = hub
        self._desks = desks
        self._said = said
        self._ways = ways
        self._forwarder = Forwarder(self._ways)
        self._feeds: dict[str, Feed] = {}
        self._listening: dict[str, asyncio.Task[None]] = {}
        self._tasks = Tasks()
        self._gone_since: dict[str, float] = {}

    async def stand_by(self) -> None:
        """Look which nodes there are, while another process is this one; listen to nobody yet."""
        if self.own:
            await asyncio.to_thread(self._directory.start, 0.0)

    async def start(self, limit_s: float = 1.0) -> None:
        """Begin to listen to all; returns once those that are there were heard, or after this time."""
        if not self.own:
            return
        await asyncio.to_thread(self._directory.start, limit_s)
        self._look()
        self._tasks.start(self._watch(), "other nodes")
        waiting = [asyncio.ensure_future(feed.heard.wait()) for feed in self._feeds.values()]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=limit_s)
            for one in late:
                one.cancel()

    async def stop(self) -> None:
        """Listen to nobody any longer."""
        self._directory.stop()
        await self._tasks.stop()
        await self._ways.close()

    def nodes(self) -> tuple[NodeView, ...]:
        """All nodes, by name."""
        return self._directory.nodes()

    def alarms(self) -> list[str]:
        """The nodes that should be heard, and are not."""
        there = {node.node: node for node in self.nodes() if node.state != "away"}
        faults = [(name, feed.fault) for name, feed in self._feeds.items() if feed.fault and name in there]
        return [f"calls and desks of the gateway {name} are not seen here: {fault}" for name, fault in faults]

    # ---- what concerns another node ------------------------------------------------------------------------------

    def calls(self) -> list[CallView]:
        """The calls of all other nodes."""
        return [*self._hub.far_calls()]

    def owner_of(self, request: web.Request, own: LiveCalls) -> NodeView | None:
        """The other node whose call the request names; None where this one is to answer.

        Raises:
            ApiError: 409 where the name is that of several calls; 503 where nobody knows where the node is.
        """
        reference = request.match_info.get("ref") or request.query.get("call", "")
        if not self.own or not reference or was_forwarded(request) or own.get(reference) is not None:
            return None
        bearer = bearer_of(request)
        found = self._named(reference, bearer)
        if not found:
            return None
        if len({view.call_id for view in found}) > 1 or _names_one_of(reference, own, bearer):
            raise ApiError(409, "several-calls", f"{reference[:80]} is several calls, at several gateways")
        node = found[0].node
        if (known := self._known(node)) is None or not known.api_url:
            raise ApiError(503, "node-away", f"nobody knows where the gateway {node} is", {"Retry-After": "2"})
        return known

    async def forward(self, request: web.Request, route: Operation, node: NodeView) -> web.StreamResponse:
        """Let another node answer; see `Forwarder`."""
        return await self._forwarder.forward(request, route, node)

    async def tell_all(self, method: str, path: str, body: bytes, bearer: Bearer) -> list[str]:
        """Ask the same of all other nodes. Returns: those that did not do it."""
        others = [node for node in self.nodes() if node.node != self.own and node.api_url]
        done = await asyncio.gather(*(self._forwarder.tell(node, method, path, body, bearer) for node in others))
        return [node.node for node, good in zip(others, done, strict=True) if not good]

    # ---- what was kept at another node ----------------------------------------------------------------------------

    async def ask_all(self, request: web.Request) -> list[NodeAnswer]:
        """Ask all other nodes what this one was asked; nobody, where it was another node that asked."""
        if not self.own or was_forwarded(request):
            return []
        others = [node for node in self.nodes() if node.node != self.own]
        return list(await asyncio.gather(*(self._answer(node, request) for node in others)))

    async def keeper_of(self, request: web.Request, reference: str) -> NodeView | None:
        """The other node that has kept a call which this one knows nothing of; None where none has.

        Raises:
            ApiError: 404 where none has, and one does not answer that may have.
        """
        if not self.own or was_forwarded(request):
            return None
        others = [node for node in self.nodes() if node.node != self.own]
        path = f"/v1/calls/{quote(reference, safe='')}"
        answers = await asyncio.gather(*(self._answer(node, request, path) for node in others))
        for node, answer in zip(others, answers, strict=True):
            if answer.body is not None:
                return node
        if silent := [answer.node for answer in answers if answer.silent]:
            raise ApiError(404, "no-such-call", f"there is no call {reference[:80]} here; {in_words(silent)}")
        return None

    async def _answer(self, node: NodeView, request: web.Request, path: str = "") -> NodeAnswer:
        if not node.api_url:
            return NodeAnswer(node.node, None, silent=True)
        try:
            status, body = await self._forwarder.read(node, request, path)
        except ApiError:
            return NodeAnswer(node.node, None, silent=True)
        return NodeAnswer(node.node, body if status == 200 else None, silent=status >= 500)

    # ---- inner ---------------------------------------------------------------------------------------------------

    def _named(self, reference: str, bearer: Bearer) -> list[CallView]:
        """As `find.Finder` does it; the node that has the call looks once more, and counts who guesses."""
        views = self.calls()
        if found := [view for view in views if view.call_id == reference]:
            return found
        wide = bearer.may(Scope.READ, Scope.CONTROL)
        if found := [view for view in views if view.short_code == reference]:
            return found
        if found := from_number(views, reference, bearer):
            return found
        return [view for view in views if wide and len(reference) >= 3 and view.call_id.startswith(reference)]

    def _known(self, node: str) -> NodeView | None:
        return next((one for one in self.nodes() if one.node == node), None)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                self._look()
            except Exception:  # the next look may fare better, and without it nobody hears of other nodes
                log.exception("other nodes could not be looked for")

    def _look(self) -> None:
        """Begin to listen to nodes that are new, and forget those that nobody is any longer."""
        self._directory.say(self._said())
        now, nodes = self._clock.now(), {node.node: node for node in self.nodes()}
        for name, node in nodes.items():
            if name == self.own or not node.api_url or name in self._feeds:
                continue
            feed = self._feeds[name] = Feed(name, partial(self._known, name), self._hub, self._desks, self._ways)
            self._listening[name] = self._tasks.start(feed.run(), f"events of {name}")
        for name, feed in self._feeds.items():
            there = name in nodes and nodes[name].state != "away"
            if there or not feed.fault:
                self._gone_since.pop(name, None)
            elif now - self._gone_since.setdefault(name, now) > FORGOTTEN_AFTER_S:
                self._forget(name, feed, name in nodes)
        self._feeds = {name: feed for name, feed in self._feeds.items() if name in self._listening}

    def _forget(self, name: str, feed: Feed, known: bool) -> None:
        """Forget the calls of a node that is away, and the node too once it is none of the cluster."""
        if self._hub.place_in(name):
            log.warning("nobody is this node any longer: its calls are forgotten here", node=name)
            feed.forget()
        if not known:
            del self._gone_since[name]
            self._listening.pop(name).cancel()


def in_words(silent: list[str]) -> str:
    """Nodes that do not answer now, and what that means for what they have kept."""
    one = len(silent) == 1
    which = f"the gateway {silent[0]} does" if one else f"the gateways {', '.join(silent)} do"
    return f"{which} not answer now, and calls that ended there are kept there alone"


def _names_one_of(reference: str, own: LiveCalls, bearer: Bearer) -> bool:
    views = own.list()
    return any(reference == view.short_code for view in views) or bool(from_number(views, reference, bearer))
