"""The ways in for people and programs, and what they are told: the API, events, webhooks, messages, other nodes.

Wired over the floor, and not started.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from splitter import __version__
from splitter.calls.after.rows import row_of
from splitter.calls.browsers.door import WebDoor
from splitter.calls.browsers.path_checks import PathChecks
from splitter.calls.browsers.sip_door import SipDoor
from splitter.calls.bus import Bus
from splitter.calls.desks import DeskView
from splitter.calls.view import CallEnded, CallView, LinkWanted, Notice, lost
from splitter.cluster.cabinet import SharedCabinet
from splitter.cluster.codes import SharedCodes
from splitter.cluster.directory import ValkeyDirectory
from splitter.cluster.membership import Membership
from splitter.cluster.nodes import Directory, KnownNodes, NodeView
from splitter.cluster.tenure import NodeStanding
from splitter.config.model import Settings
from splitter.config.sms import with_carrier
from splitter.core.clock import SystemClock
from splitter.core.ids import IdSource
from splitter.floor import Floor
from splitter.prepared import Prepared, login_marks, passwords_of
from splitter.store.cabinet import Cabinet
from splitter.store.journal import Journal
from splitter.store.kept_screenshots import KeptScreenshots
from splitter.store.photos import Photo, Photos
from splitter.store.schema import beside
from splitter.store.screenshots import ScreenshotFiles
from splitter.telemetry import log as logs
from splitter.transport.tasks import Tasks
from splitter.web.access.revocations import Revocations
from splitter.web.access.secret import secret_beside, secret_or_new
from splitter.web.access.terms import Access
from splitter.web.access.used_codes import UsedCodes
from splitter.web.callers.customer_tokens import SignedCustomers
from splitter.web.events.hub import Hub
from splitter.web.events.socket import Events
from splitter.web.events.unbound import UnboundFrames
from splitter.web.guests.climbing import Climbing
from splitter.web.guests.feed import GuestFeed
from splitter.web.guests.messaging import Messaging, MessagingCabinet
from splitter.web.guests.sharing import LinkSharing
from splitter.web.logins.evictions import Evictions
from splitter.web.nodes.neighbours import Neighbours
from splitter.web.nodes.way import Ways
from splitter.web.ports import Ports
from splitter.web.records.late_changes import LateChanges
from splitter.web.server import Server
from splitter.web.status.defences import Defences, Drains, Reloads
from splitter.web.status.health import Health, expiring_certificates, missing_workers, shortages
from splitter.web.status.status import GatewayState, StatusBoard
from splitter.web.stills.album import Album, ScreenshotTaken
from splitter.web.stills.leftovers import Leftovers
from splitter.web.webhooks.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Orders:
    """The orders that operators may give through the API; see `Defences`."""

    reload: Reloads
    refuse_new: Drains
    restart: Callable[[], None]


class Doors:
    """Everything that people and programs see of the gateway.

    Args:
        membership: of the cluster; None where there is none.

    Attributes:
        hub, journal: the event sockets, and what they were told. webhooks, messaging, guests: who else is told.
        album: screenshots. photos: of callers. leftovers: pictures that went with their calls.
        neighbours: other nodes of the cluster.
        access, revoked: who may use the API.
        board, health: how the gateway is. server: HTTP.
    """

    def __init__(
        self,
        settings: Settings,
        clock: SystemClock,
        ids: IdSource,
        bus: Bus,
        floor: Floor,
        orders: Orders,
        membership: Membership | None,
    ) -> None:
        self._settings, self._clock, self._floor, self._membership = settings, clock, floor, membership
        self._bus = bus
        self._ids = ids
        self._tasks = Tasks()
        self.access = self._make_access()
        self._tell_people(ids)
        self._keep_pictures()
        self._guard(orders)
        self._open()
        self._subscribe()
        self._include_alarms()

    # ---- build -----------------------------------------------------------------------------------------------------

    def _make_access(self) -> Access:
        """Make the access to the API; without its secret file logins end with this process."""
        settings = self._settings
        path = Path(settings.api.secret_file) if settings.api.secret_file else secret_beside(settings.store.path)
        secret, self._secret_alarm = secret_or_new(path if settings.api.listen else None)
        passwords = passwords_of(settings, secret)
        shared = SharedCodes(settings.cluster) if settings.cluster.node else None
        codes = UsedCodes(beside(settings.store.path, "used-codes.json"), shared)
        return Access(secret, passwords, settings.tokens, settings.api, settings.guest_page, settings.openid, codes)

    def _tell_people(self, ids: IdSource) -> None:
        """Build those who tell people and programs what happens."""
        settings, clock, floor, cluster = self._settings, self._clock, self._floor, self._settings.cluster
        self.journal = Journal(Path(settings.media.socket_dir) / "events.db")
        together = floor.desks.together if cluster.node else None
        self.hub = Hub(
            clock, ids.tag(), self.journal, cluster.node, together, UnboundFrames(lambda: self.access.settings)
        )
        directory: Directory = ValkeyDirectory(cluster, self.access.secret) if cluster.node else KnownNodes()
        ways = Ways(cluster.node, self.access.secret, clock)
        self.guests = GuestFeed()
        self.neighbours = Neighbours(cluster.node, directory, self._said, ways, clock, self.hub, floor.desks)
        self.webhooks = Webhooks(settings.webhooks, floor.store, clock, ids)
        self.messaging = Messaging(
            with_carrier(settings),
            lambda: self.access.settings,
            settings.store.path,
            clock,
            ids,
            keep=self._cabinet,
            tell=self.webhooks.invite,
            sip=lambda carrier: floor.carrier(carrier, self._settings),
            recorder=floor.recorder,
            publish=self._bus.publish,
        )
        self.climbing = Climbing(
            floor.calls.get,
            self.messaging.inviting,
            LinkSharing(self.messaging.inviting.links, self.neighbours),
            lambda: bool(self.access.settings.guest_url),
            lambda call_id, words: floor.recorder.event(call_id, "caller", "note", words),
        )

    def _cabinet(self, kind: str) -> MessagingCabinet:
        """Open a cabinet: on this host, and in a cluster where another host finds it."""
        local = Cabinet(beside(self._settings.store.path, f"{kind}.db"))
        if self._membership is None:
            return local
        return SharedCabinet(local, kind, self._settings.cluster, self._membership)

    def _keep_pictures(self) -> None:
        """Build the album, and who clears up after calls."""
        shots = ScreenshotFiles(beside(self._settings.store.path, "screenshots"))
        self.album = Album(taken=self._bus.publish, files=shots, wall=self._clock.wall)
        store, folder = self._settings.store, beside(self._settings.store.path, "kept-screenshots")
        age = lambda: self._settings.store.max_age_days  # noqa: E731
        self.kept_screenshots = KeptScreenshots(folder, store.screenshots_mb * 1_000_000, age, self._clock.wall)
        self.photos = Photos(beside(self._settings.store.path, "photos"), self._clock, self._on_photo)
        self.leftovers = Leftovers(self._floor.pictures)

    def _guard(self, orders: Orders) -> None:
        """Build those who say who may do what."""
        settings, clock, floor = self._settings, self._clock, self._floor
        revoked = beside(settings.store.path, "revoked.json") if settings.api.listen else None
        self.revoked = Revocations(revoked, settings.tokens, clock, login_marks(settings, self.access.secret))
        self.revoked.watch(lambda: self.hub.expire(self.revoked.holds))
        self._evictions = Evictions(floor.calls, self.revoked)
        hand_over = self._membership.hand_over if self._membership is not None else None
        self._defences = Defences(floor.driver, clock, orders.reload, orders.refuse_new, orders.restart, hand_over)

        customers = SignedCustomers(self.access, self.revoked, clock)
        floor.requests.admit_browsers(SipDoor(floor.calls, floor.browsers, customers))

    def _open(self) -> None:
        """Build the board and the listeners."""
        settings, floor = self._settings, self._floor
        self.health = Health()
        self.board = StatusBoard(
            settings.calls,
            settings.networks.values(),
            self._clock,
            floor.driver,
            floor.engine,
            floor.farm,
            floor.studio.mosaics,
            floor.calls,
            self.health,
            settings.cluster.node,
        )
        self.server = Server(settings.control_socket, settings.telemetry.metrics, self._ports())
        self._defences.cover(self.server.api)

    def _ports(self) -> Ports:
        """Make the parts that the API is served from."""
        settings, floor = self._settings, self._floor
        return Ports(
            calls=floor.calls,
            archive=floor.store,
            live=floor.recorder,
            status=lambda: self.board.read(self.server.api.urls),
            registrations=floor.reception.seats,
            security=self._defences,
            trunks=lambda: floor.registrations.beside(floor.watch.views()),
            desks=floor.desks.views,
            access=self.access,
            network=settings.media_network,
            clock=self._clock,
            album=self.album,
            kept_screenshots=self.kept_screenshots,
            pictures=floor.pictures,
            events=Events(self.hub, floor.desks, self._clock).handle,
            inviting=self.messaging.inviting,
            guesses=self.messaging.guesses,
            services=settings.sms.http,
            revoked=self.revoked,
            recordings=floor.recordings,
            elsewhere=self.neighbours,
            door=WebDoor(floor.calls, floor.browsers),
            paths=PathChecks(floor.engine.adapters, settings.media_network, self._ids),
            caller_paths=PathChecks(floor.engine.adapters, settings.media_network, self._ids),
            guests=self.guests,
            photos=self.photos,
            lender=floor.routing,
            late_changes=LateChanges(floor.store.save_call, floor.recorder.event, self._bus.publish),
        )

    def _said(self) -> NodeView:
        """Tell other nodes of this one."""
        cluster, floor = self._settings.cluster, self._floor
        certificate = self.server.api.fingerprint
        # Nobody could believe it before it has the certificate to show.
        url = cluster.api_url if certificate or not self._settings.api.certificate else ""
        view = NodeView(cluster.node, url, certificate, cluster.host, self.board.state)
        if (membership := self._membership) is not None:
            alone = membership.standing is NodeStanding.ALONE
            state = NodeStanding.ALONE if alone else self.board.state
            view = replace(view, fence=membership.fence, standby=membership.standbys)
            view = replace(view, state=NodeStanding.ACTIVE if state == GatewayState.RUNNING else state)
        at_risk = len(floor.calls) if view.state == NodeStanding.ALONE else floor.live.waiting
        view = replace(view, lag_s=round(floor.live.lag_s, 3), at_risk=at_risk)
        return replace(view, calls=len(floor.calls), version=__version__, said_at=self._clock.wall())

    # ---- who hears of what, and who is asked what is wrong -----------------------------------------------------------

    def _subscribe(self) -> None:
        """Subscribe to what happens, in the order in which each is told."""
        tell, floor = self._bus.subscribe, self._floor
        tell("store", CallView, lambda view: floor.store.save_call(row_of(view)))
        tell("hub", CallView, self.hub.call)
        tell("guests", CallView, self.guests.on_call)
        tell("browsers", CallView, floor.browsers.on_call)
        tell("desks", CallView, floor.desks.on_call)
        tell("webhooks", CallView, self.webhooks.call)
        tell("messages", CallView, self.messaging.on_call)
        tell("album", CallEnded, lambda ended: self.album.ended(ended.call_id))
        tell("pictures", CallEnded, lambda ended: self.leftovers.clear(ended.call_id))
        tell("photos", CallEnded, lambda ended: self.photos.ended(ended.call_id))
        if floor.recordings is not None:
            recordings = floor.recordings
            tell("recordings", CallView, recordings.on_call)
            shot = lambda taken: recordings.on_still(taken.call_id, taken.number, taken.snapshot.png, taken.of)  # noqa: E731
            tell("recordings", ScreenshotTaken, shot)
            tell("recordings", Notice, recordings.on_notice)
        tell("hub", DeskView, self.hub.desk)
        tell("webhooks", DeskView, self.webhooks.desk)
        tell("records", Notice, floor.calls.on_notice)
        tell("hub", Notice, self.hub.notice)
        tell("webhooks", Notice, self.webhooks.notice)
        tell("climbing", LinkWanted, self.climbing.on_wanted)
        tell("webhooks", ScreenshotTaken, self.webhooks.snapshot)

    def _on_photo(self, photo: Photo, file: bytes) -> None:
        if self._floor.recordings is not None:
            self._floor.recordings.on_upload(photo.call_id, photo.kind, photo.number, file)

    def _include_alarms(self) -> None:
        """Name the parts that tell what is wrong, in the order in which operators read it."""
        ask, floor, membership = self.health.include, self._floor, self._membership
        ask("media workers", lambda: missing_workers(floor.engine))
        ask("rtpengines", floor.farm.alarms)
        ask("store", lambda: [floor.store.alarm])
        if (homer := floor.homer) is not None:
            ask("HEP", lambda: [homer.alarm])
        if membership is not None:
            ask("cluster", lambda: [membership.alarm])
        ask("records", lambda: floor.live.alarms)
        if floor.recordings is not None:
            ask("recordings", floor.recordings.alarms)
        ask("events", lambda: [self.journal.alarm])
        ask("other nodes", self.neighbours.alarms)
        ask("trunks", floor.watch.alarms)
        ask("registrations", floor.registrations.alarms)
        ask("messages", self.messaging.alarms)
        ask("HTTP", lambda: self.server.alarms(self._clock.wall()))
        ask("revoked tokens", lambda: [self.revoked.alarm])
        ask("secret", lambda: [self._secret_alarm])
        ask("resources", lambda: shortages(floor.engine))
        ask("log", lambda: [logs.alarm()])
        ask("certificates", lambda: expiring_certificates(floor.driver, self._clock))

    # ---- in the life of the gateway ----------------------------------------------------------------------------------

    def begin_telling(self) -> None:
        """Begin to tell desks which calls nobody has."""
        self._tasks.start(self.hub.tell_unbound(), "calls that nobody has")

    async def end_telling(self) -> None:
        """Tell nobody any more."""
        self.hub.close()
        await self._tasks.stop()

    def tell_lost(self) -> None:
        """Tell everybody of the end of calls that were not taken up, or were not answered yet."""
        live = {view.call_id for view in self._floor.calls.list()}
        for view in self.hub.missing(live):
            self._bus.publish(lost(view, self._clock.wall()))
            self._bus.publish(CallEnded(view.call_id))

    def tell_state(self, state: GatewayState) -> None:
        """Show it on the board, and at the desks."""
        self.board.enter(state)
        self.hub.tell_gateway(self.board.draining_since)

    def measure(self) -> None:
        """Show in the metrics what protects us."""
        self._defences.measure()

    def adopt(self, settings: Settings, prepared: Prepared) -> None:
        """Go by these settings from now on; those of them that need a restart are as they were."""
        self._settings = settings
        self.access.adopt(prepared.passwords, settings.tokens, settings.api, settings.guest_page, settings.openid)
        self.hub.refresh_unbound()
        self.revoked.adopt(settings.tokens, prepared.logins)
        self.server.api.adopt(settings.api, prepared.api)
        self.webhooks.adopt(settings.webhooks)
        self.board.adopt(settings.calls)
        self.measure()
        logs.set_level(settings.telemetry.log_level)
