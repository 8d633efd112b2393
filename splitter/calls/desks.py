"""Desks: which extensions of the centre have a video client online, and in which calls those are. Pure.

A client is a browser with the event socket open, or a registered SIP seat. Several may be online for one extension.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field

from splitter.calls.states import CallState, PartyKind, PartyState
from splitter.calls.view import CallView


@dataclass(frozen=True, slots=True)
class ClientView:
    """One client. `client`: its own id, a SIP seat's Contact; `kind`: "webrtc" or "sip"; `since`: Unix seconds;
    `calls`: the ids of those that it is a party of.
    """

    client: str
    kind: str
    since: float
    calls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeskView:
    """One extension. `state`: "online" while it has a client, or "offline"."""

    extension: str
    state: str
    clients: tuple[ClientView, ...] = ()


@dataclass(frozen=True, slots=True)
class _Client:
    extension: str
    client: str
    kind: str
    since: float


_Parties = frozenset[tuple[str, str, str]]  # extension, kind, client


@dataclass(slots=True)
class Desks:
    """The desks of the gateway, with their clients.

    Attributes:
        extensions: of accounts; desks that are shown offline too.
        changed: told of each desk that comes, goes, or enters or leaves a call.
    """

    extensions: Collection[str] = ()
    changed: Callable[[DeskView], None] = lambda view: None
    _clients: dict[str, dict[Hashable, _Client]] = field(default_factory=dict)
    _where: dict[Hashable, str] = field(default_factory=dict)
    _in_calls: dict[str, _Parties] = field(default_factory=dict)
    _calls_of: dict[str, dict[str, _Parties]] = field(default_factory=dict)  # by extension, then by call
    _elsewhere: dict[str, dict[str, DeskView]] = field(default_factory=dict)  # by node, those that are online there

    def adopt(self, extensions: Collection[str]) -> None:
        """Accounts have these extensions from now on; clients that are there stay."""
        self.extensions = extensions

    def attach(self, key: Hashable, extension: str, client: str, kind: str, wall: float) -> None:
        """A client is there; `key` tells it apart from all others. Of one that is there already nothing changes."""
        before = self._where.get(key)
        if before == extension:
            return
        if before is not None:
            self.detach(key)
        self._where[key] = extension
        self._clients.setdefault(extension, {})[key] = _Client(extension, client, kind, wall)
        self.changed(self.view(extension))

    def detach(self, key: Hashable) -> None:
        """Forget a client that is gone; harmless where it was not there."""
        extension = self._where.pop(key, None)
        if extension is None:
            return
        clients = self._clients[extension]
        del clients[key]
        if not clients:
            del self._clients[extension]
        self.changed(self.view(extension))

    def on_call(self, view: CallView) -> None:
        """A call changed: who of its parties sits at which desk."""
        now = _parties(view)
        before = self._in_calls.get(view.call_id, frozenset())
        if now == before:
            return
        if now:
            self._in_calls[view.call_id] = now
        else:
            self._in_calls.pop(view.call_id, None)
        for extension in sorted({party[0] for party in now ^ before}):
            mine = frozenset(party for party in now if party[0] == extension)
            calls = self._calls_of.setdefault(extension, {})
            if mine:
                calls[view.call_id] = mine
            else:
                calls.pop(view.call_id, None)
            if not calls:
                del self._calls_of[extension]
            self.changed(self.view(extension))

    def hear(self, node: str, view: DeskView) -> None:
        """Another node has told of a desk."""
        there = self._elsewhere.setdefault(node, {})
        if view.clients:
            there[view.extension] = view
        else:
            there.pop(view.extension, None)

    def hear_all(self, node: str, views: Collection[DeskView]) -> None:
        """Another node has told of all desks that are online there; of none: it is gone."""
        self._elsewhere.pop(node, None)
        for view in views:
            self.hear(node, view)

    def online(self, extension: str) -> bool:
        """True while the desk has a client, at whichever node."""
        return extension in self._clients or any(extension in there for there in self._elsewhere.values())

    def knows(self, extension: str) -> bool:
        """True for the extension of a desk: some account has it, or a client is there."""
        return extension in self.extensions or self.online(extension)

    def together(self, extension: str) -> DeskView:
        """The view of one desk, with its clients at all nodes."""
        own = self.view(extension)
        far = [there[extension] for there in self._elsewhere.values() if extension in there]
        clients = (*own.clients, *(client for view in far for client in view.clients))
        return DeskView(extension, "online" if clients else "offline", clients) if far else own

    def view(self, extension: str) -> DeskView:
        """The view of one desk."""
        clients = self._clients.get(extension, {}).values()
        shown = tuple(ClientView(c.client, c.kind, c.since, self._calls(c)) for c in clients)
        return DeskView(extension, "online" if shown else "offline", shown)

    def views(self) -> list[DeskView]:
        """Every desk at whichever node, by extension."""
        far = (extension for there in self._elsewhere.values() for extension in there)
        return [self.together(extension) for extension in sorted({*self.extensions, *self._clients, *far} - {""})]

    def _calls(self, client: _Client) -> tuple[str, ...]:
        """A SIP party is not told apart from another one of its extension: its dialog says nothing of its Contact."""
        wanted = (client.extension, client.kind, client.client if client.kind == PartyKind.WEBRTC else "")
        return tuple(call for call, parties in self._calls_of.get(client.extension, {}).items() if wanted in parties)


def _parties(view: CallView) -> _Parties:
    return frozenset(
        (party.extension, party.kind, party.client if party.kind == PartyKind.WEBRTC else "")
        for party in (view.parties if view.state != CallState.ENDED else ())
        if party.extension and not party.kind.invited and party.state != PartyState.LEFT
    )
