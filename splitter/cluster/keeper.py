"""Keeps the lease of a node, or waits for it. Does I/O on a thread of its own, so that a busy event loop loses nothing.

What the thread concludes stands in `tenure.py`. Beside the lease it writes two small files: which lease is ours, for
the process that comes after this one while Valkey is away, and the file that keepalived tracks.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from zlib import crc32

import structlog

from splitter.cluster.lease import Lease
from splitter.cluster.settings import ClusterSettings
from splitter.cluster.standbys import Standbys
from splitter.cluster.tenure import (
    HOLDING,
    LeaseSight,
    LeaseState,
    NodeStanding,
    Owner,
    Silence,
    Tenure,
    TenureTiming,
    step,
)
from splitter.cluster.valkey import ValkeyError
from splitter.telemetry import metrics

_TRACKED = {NodeStanding.ACTIVE: "2", NodeStanding.ALONE: "1"}

log = structlog.get_logger(__name__)


class Keeper:
    """The thread of the lease.

    Args:
        tag: of this start of the process; no other has it.
        memory: the file of the last lease of this host, in memory that goes with the host.
        changed: called in the thread after each change of standing, or of who else is the node.

    Attributes:
        continued: the node was on this host before, so that its disk has the newest records, or as good as that.
    """

    def __init__(
        self,
        settings: ClusterSettings,
        tag: str,
        memory: Path,
        changed: Callable[[NodeStanding], None] = lambda _: None,
    ) -> None:
        self._settings = settings
        self._memory = memory
        self._changed = changed
        me = Owner(settings.host, machine(memory.parent), tag)
        self._tenure = Tenure(me, TenureTiming(settings.lease_ttl_s, settings.restart_grace_s))
        self._lease = Lease(settings, me)
        self.continued = True
        self._standbys = Standbys(2 * settings.lease_ttl_s)
        self._wake = threading.Condition()
        self._wanted: LeaseState | None = None  # what is to be said of our lease before the end
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def start(self) -> None:
        """Begin to ask for the lease."""
        _show(self._tenure.standing)
        self._thread.start()

    def stop(self, last: LeaseState | None = None, limit_s: float = 2.0) -> None:
        """End the thread; the lease stays as it is, or is given back with these last words."""
        with self._wake:
            self._wanted, self._stopping = last, True
            self._wake.notify_all()
        if self._thread.ident is not None:
            self._thread.join(limit_s)

    def hurry(self) -> None:
        """Ask now: somebody has seen that something is wrong."""
        with self._wake:
            self._wake.notify_all()

    @property
    def standing(self) -> NodeStanding:
        """The relation of this process to its node."""
        return self._tenure.standing

    @property
    def fence(self) -> int:
        """The number of our lease; 0 where we have none."""
        return self._tenure.fence

    @property
    def owner(self) -> str:
        """Name of this process in the lease."""
        return str(self._tenure.me)

    @property
    def alarm(self) -> str:
        """Alarm in plain words; "" where nothing is wrong."""
        tenure = self._tenure
        match tenure.standing:
            case NodeStanding.ALONE:
                return f"nothing is protected: {tenure.reason}; this host goes on alone"
            case NodeStanding.STANDBY if tenure.reason:
                return f"this host cannot stand in for node {self._settings.node}: {tenure.reason}"
            case NodeStanding.FENCED | NodeStanding.REFUSED:
                return tenure.reason
            case NodeStanding.ACTIVE if self._standbys.missing_s(time.monotonic()) > self._settings.restart_grace_s:
                return f"nobody stands by for node {self._settings.node}: if this host died, its calls would end"
        return ""

    @property
    def standbys(self) -> tuple[str, ...]:
        """Hosts that wait for our lease."""
        return self._standbys.living(time.monotonic())

    @property
    def holder(self) -> str:
        """The host that has the lease, as far as is known."""
        seen = self._tenure.seen
        return seen.owner.host if seen is not None else ""

    # ---- the thread ----------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._turn()
            except Exception:  # the border of one turn: a thread that has ended would lose the lease
                log.exception("lease: a fault in the gateway", node=self._settings.node)
            with self._wake:
                if not self._stopping:
                    self._wake.wait(self._tenure.pause_s)
        if self._wanted is not None and self._tenure.standing in HOLDING:
            with suppress(ValkeyError):
                self._lease.give(self._tenure.fence, self._wanted)
            if self._wanted is LeaseState.FREE:
                self._track(NodeStanding.STANDBY)
                self._memory.unlink(missing_ok=True)
        self._lease.close()

    def _turn(self) -> None:
        """Ask once, and claim what is ours."""
        tenure = self._tenure
        if tenure.standing in (NodeStanding.FENCED, NodeStanding.REFUSED):
            return
        event = self._ask(lambda: self._lease.renew(tenure.fence) if tenure.standing in HOLDING else self._lease.look())
        known, claims = step(tenure, event, time.monotonic())
        if claims and (seen := known.seen) is not None:
            self.continued = seen.owner.host == tenure.me.host
            known, _ = step(known, self._ask(lambda: self._lease.claim(seen, self._remembered()[0])), time.monotonic())
        if isinstance(event, LeaseSight):
            self._standbys.heard(event.waiting, time.monotonic())
        else:
            metrics.records.LEASE_SILENCES.inc()
            known = self._resumed(known)
        self._enter(known)

    def _ask(self, request: Callable[[], LeaseSight]) -> LeaseSight | Silence:
        try:
            return request()
        except ValkeyError as error:
            return Silence(str(error))

    def _resumed(self, tenure: Tenure) -> Tenure:
        """Go on with the lease of our predecessor, where Valkey has never answered and nobody can have been told so."""
        fence, owner = self._remembered()
        if tenure.standing is not NodeStanding.STANDBY or tenure.heard_at is not None or not fence:
            return tenure
        me = Owner.read(owner)
        if (me.host, me.machine) != (tenure.me.host, tenure.me.machine):
            return tenure
        self._lease.close()
        self._lease = Lease(self._settings, me)
        log.warning("Valkey is away: this host goes on with the lease that it had", fence=fence, reason=tenure.reason)
        return replace(tenure, me=me, fence=fence, standing=NodeStanding.ALONE)

    def _enter(self, tenure: Tenure) -> None:
        before, self._tenure = self._tenure, tenure
        if tenure.reason != before.reason and tenure.reason:
            log.warning("lease", node=self._settings.node, standing=tenure.standing, reason=tenure.reason)
        if tenure.standing is before.standing:
            if tenure.seen is not None and (before.seen is None or before.seen.owner != tenure.seen.owner):
                if tenure.seen.owner.host != tenure.me.host and tenure.standing not in HOLDING:
                    self._track(tenure.standing)  # not before: a restart must not move the address
                self._changed(tenure.standing)
            return
        log.info("lease", node=self._settings.node, standing=tenure.standing, fence=tenure.fence, was=before.standing)
        _show(tenure.standing)
        self._track(tenure.standing)
        if tenure.standing in HOLDING:
            self._remember(f"{tenure.fence} {tenure.me}")
        elif before.standing in HOLDING:
            self._memory.unlink(missing_ok=True)
        self._changed(tenure.standing)

    def _remember(self, text: str) -> None:
        try:
            self._memory.write_text(text, encoding="ascii")
        except OSError as error:
            log.error("the lease cannot be remembered", path=str(self._memory), reason=str(error))

    def _remembered(self) -> tuple[int, str]:
        """The last lease of this host: its fence and owner."""
        try:
            fence, _, owner = self._memory.read_text(encoding="ascii").partition(" ")
            return int(fence), owner
        except (OSError, ValueError):
            return 0, ""

    def _track(self, standing: NodeStanding) -> None:
        """Tell keepalived."""
        if not self._settings.track_file:
            return
        try:
            fd = os.open(self._settings.track_file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                os.pwrite(fd, f"{_TRACKED.get(standing, 0)}\n".encode(), 0)  # it is never empty
            finally:
                os.close(fd)
        except OSError as error:
            log.error("keepalived cannot be told who has the lease", path=self._settings.track_file, reason=str(error))


def _show(now: NodeStanding) -> None:
    """Let the metric say so."""
    for standing in NodeStanding:
        metrics.records.NODE_STANDING.labels(standing).set(standing is now)


def machine(folder: Path) -> str:
    """The place of a process, which only one of a name can have: its machine and its folder there."""
    try:
        which = Path("/etc/machine-id").read_text(encoding="ascii").strip()[:12]
    except (OSError, UnicodeDecodeError):
        which = ""
    return f"{which}-{crc32(bytes(folder.absolute())):08x}"
