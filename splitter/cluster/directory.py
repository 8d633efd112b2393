"""Which nodes there are, by what each says of itself in Valkey. Does I/O on a thread of its own; nobody waits for it.

P:nodes holds an entry for each node, which its process writes anew each second, with a count. Who reads does not
compare clocks: an entry that does not change for a while is that of a node that is away. While Valkey is away nobody is
judged.
"""

from __future__ import annotations

import hmac
import threading
import time
from dataclasses import replace
from typing import Any

import msgspec
import structlog

from splitter.cluster.keys import ClusterKeys
from splitter.cluster.nodes import NodeView
from splitter.cluster.settings import ClusterSettings
from splitter.cluster.valkey import Valkey, ValkeyError
from splitter.core.errors import UNREADABLE

PERIOD_S = 1.0
AWAY_AFTER_S = 3.5  # without a word
GONE_AFTER_S = 24 * 3600.0  # and then there is no such node any more
_LONGEST = 10_000  # bytes of an entry
_SIGN_BYTES = 32  # of HMAC-SHA256
_MOST = 64

log = structlog.get_logger(__name__)


class _Entry(msgspec.Struct):
    """What a node says of itself."""

    count: int
    view: NodeView


class ValkeyDirectory:
    """The nodes of a cluster, as of the last second.

    Attributes:
        fault: why it is not known which nodes there are now; "" while it is.
    """

    def __init__(self, settings: ClusterSettings, secret: bytes = b"") -> None:
        self._valkey = Valkey(settings)
        self._secret = secret
        self._key = ClusterKeys(settings.prefix).nodes
        self._said: NodeView | None = None
        self._known: tuple[NodeView, ...] = ()
        self._changed: dict[str, tuple[bytes, float]] = {}  # by node, its last entry, and when that was new
        self._count = 0
        self._stopping = threading.Event()
        self._read_once = threading.Event()
        self._thread = threading.Thread(target=self._run, name="directory of nodes", daemon=True)
        self.fault = ""

    def start(self, limit_s: float) -> None:
        """Begin to read and write; waits until it was read once, but no longer than this."""
        if not self._thread.is_alive():
            self._thread.start()
        self._read_once.wait(limit_s)

    def stop(self) -> None:
        """End; what was said stays until it is old."""
        self._stopping.set()

    def say(self, view: NodeView) -> None:
        """Say this of our own node from now on."""
        self._said = view

    def nodes(self) -> tuple[NodeView, ...]:
        """Every node, this one among them, by name."""
        said, known = self._said, self._known
        own = (said,) if said is not None else ()
        others = (view for view in known if said is None or view.node != said.node)
        return tuple(sorted((*own, *others), key=lambda view: view.node))

    # ---- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.wait(PERIOD_S if self._read_once.is_set() else 0.0):
            try:
                self._write()
                if self.fault:  # what others wrote meanwhile could not be seen
                    self._changed = {node: (data, time.monotonic()) for node, (data, _) in self._changed.items()}
                self._read()
            except ValkeyError as error:
                if not self.fault:
                    log.warning("it is not known which gateways there are", reason=str(error))
                self.fault = str(error)
            else:
                self.fault = ""
            self._read_once.set()
        self._valkey.close()

    def _write(self) -> None:
        if (said := self._said) is not None:
            self._count += 1
            body = msgspec.json.encode(_Entry(self._count, said))
            self._valkey.command("HSET", self._key, said.node, self._signed(body) + body)

    def _signed(self, body: bytes) -> bytes:
        """What shows that a gateway with our secret wrote it: logins are sent to where an entry says."""
        return hmac.digest(self._secret, b"node\0" + body, "sha256")

    def _read(self) -> None:
        flat: list[bytes] = self._pairs(self._valkey.command("HGETALL", self._key))
        now, found = time.monotonic(), list[NodeView]()
        for name, data in zip(flat[::2], flat[1::2], strict=True):
            if len(data) > _LONGEST or len(found) >= _MOST:
                continue
            sign, body = data[:_SIGN_BYTES], data[_SIGN_BYTES:]
            if not hmac.compare_digest(sign, self._signed(body)):
                continue  # of another version, or of somebody who has no business here
            try:
                view = msgspec.json.decode(body, type=_Entry).view
            except UNREADABLE:
                continue  # of another version
            if view.node != name.decode(errors="replace"):
                continue
            before, since = self._changed.get(view.node, (b"", now))
            if before != data:
                since = now
                self._changed[view.node] = (data, now)
            if now - since > GONE_AFTER_S:
                self._valkey.command("HDEL", self._key, name)  # one that lives writes it anew within a second
                self._changed.pop(view.node, None)
                log.info("a gateway that said nothing for a day is none of the cluster any more", node=view.node)
                continue
            away = now - since > AWAY_AFTER_S
            found.append(replace(view, state="away", host="", standby=()) if away else view)
        self._known = tuple(found)

    def _pairs(self, answer: Any) -> list[bytes]:
        if isinstance(answer, dict):
            return [part for pair in answer.items() for part in pair]
        return list(answer)
