"""A world with recorders elsewhere: recording servers of the lab as neighbours, and a forwarder in memory."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

from splitter.calls.recording.recordings import Recordings
from splitter.calls.recording.troubles import Troubles
from splitter.calls.settings import Peer as Source
from splitter.calls.settings import Role, Trunk
from splitter.calls.siprec.wiring import RecorderNeeds, make_recorders
from splitter.calls.view import CallView
from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.lab.recorder import LabRecorder, ServedSession
from splitter.media.forward.protocol import ForwarderAnswer
from splitter.media.record.batch import Described
from splitter.media.record.settings import RecordingSettings
from splitter.sdp.write import write
from splitter.sip.events import RequestArrived
from splitter.sip.message import Response
from tests.media.forward.kit import Hall, HandForwarder
from tests.media.record.kit import HandTaps
from tests.world import Peer, PeerCall, World

SERVERS = {"nice": Address("10.2.0.40", 5060), "verint": Address("10.2.0.41", 5060)}
ALAW = ((8, "PCMA", 8000, 1, ""),)


class Elsewhere:
    """The recorders of a world.

    Attributes:
        servers: recording servers, by name. hall, link: the forwarder. taps: those of the media.
    """

    def __init__(self, world: World, **rules: Any) -> None:
        self.world = world
        self.hall, self.taps = Hall(), HandTaps()
        self.link = HandForwarder(self.hall)
        self.settings = RecordingSettings(recorders=tuple(SERVERS), everything=True, **rules)
        self.trunks = {name: _trunk(name, address) for name, address in SERVERS.items()}
        self.servers = {name: self._server(name, address) for name, address in SERVERS.items()}
        world.ground.trunks = {**world.trunks, **self.trunks}
        world.ground.begun = self.wire
        self.wire()

    def wire(self) -> None:
        """Give the present life of the gateway its recorders; it is one that has just begun."""
        world = self.world
        services = world.calls.services
        services.routing.adopt(world.ground.trunks, world.ground.routes)
        troubles = Troubles(lambda: world.calls.live)
        around = RecorderNeeds(
            world.driver,
            services.routing,
            services.trunks,
            world.calls,
            world.recorder,
            world.clock,
            services.ids,
            world.browsers,
            "splitter",
            lambda: self.recordings,
        )
        network = world.networks["core"]
        made = make_recorders(self.settings, network, self._link, around, troubles)
        self.recorders = made
        self.recordings = Recordings(self.settings, None, self.taps, made)
        world.ground.recordings = self.recordings
        world.bus.subscribe("recordings", CallView, self.recordings.on_call)

    def find_forwarder(self, trouble: str = "") -> None:
        """The forwarder was out of reach, and is found again as it was."""
        if trouble:
            self._on_trouble("", trouble)
            self.world.run(0.1)
        self.deaf = False
        self._on_back()
        self.world.run(0.1)

    @property
    def deaf(self) -> bool:
        """The forwarder hears nothing that it is told."""
        return self.link.deaf

    @deaf.setter
    def deaf(self, deaf: bool) -> None:
        self.link.deaf = deaf

    def _link(self, host: str, on_back: Any, on_trouble: Any, on_lines: Any, on_wanted: Any) -> Any:
        self._on_back, self._on_trouble = on_back, on_trouble

        def heard(answer: ForwarderAnswer) -> None:
            if answer.lines is not None:
                on_lines(answer.recording, answer.lines)
            else:
                on_wanted(answer.recording, answer.wanted)

        self.hall.tell = heard
        return self.link

    def begin_forwarder(self) -> None:
        """The forwarder is killed, and another one comes."""
        self._on_trouble("", "the forwarder is gone")
        self.world.run(0.1)
        self.hall.begin()
        self._on_back()
        self.world.run(0.1)

    def _server(self, name: str, address: Address) -> LabRecorder:
        world = self.world
        peer = Peer(world, name, address, Address("10.2.0.1", 5060))
        world.peers = (*world.peers, peer)  # type: ignore[assignment]
        ports = iter(range(50_000, 60_000, 2))
        ids: IdSource = peer.ids
        server = LabRecorder(
            peer.driver.respond,
            ids,
            address.host,
            f"sip:srs@{address}",
            lambda call_id, place, line: next(ports),
            lambda dialog: peer.driver.register(dialog, hear),
        )

        def hear(event: Any) -> None:
            if isinstance(event, RequestArrived):
                server.on_request(event)

        def guard(event: RequestArrived) -> bool:
            server.on_request(event)
            return True

        peer.guard = guard
        world.loop.create_task(peer.driver.start())
        self.peers = {**getattr(self, "peers", {}), name: peer}
        return server

    # ---- what tests do ----

    def see(self, caller: PeerCall, *names: str, pictures: tuple[str, ...] = ()) -> dict[str, str]:
        """Taps begin to send: voices, and pictures, of these names."""
        recording = f"{self.world.call_of(caller).talk.call_id}-{self.number(caller)}"
        found = {name: self.hall.describe(Described(recording, name, "voice", 8000, ALAW)) for name in names}
        for name in pictures:
            found[f"{name}'s picture"] = self.hall.describe(Described(recording, name, "picture", 90_000))
            self.hall.picture(found[f"{name}'s picture"], 1, 3000)
        return found

    def number(self, caller: PeerCall) -> int:
        """Of the recordings of a call."""
        return self.world.call_of(caller).talk.recording.number

    def session(self, name: str = "nice") -> ServedSession:
        """The only live session of a server."""
        (session,) = self.servers[name].live
        return session

    def ask(self, name: str, session: ServedSession, method: str) -> list[int]:
        """Let a server send a request in its session. Returns: the statuses that it hears."""
        heard: list[int] = []
        peer, dialog = self.peers[name], session.dialog
        assert dialog is not None

        def listen(event: Any) -> None:
            if response := getattr(event, "response", None):
                heard.append(response.status)
                if method == "INVITE" and response.status == 200:
                    peer.driver.acknowledge(event.txn, dialog.ack(dialog.local_cseq), session.flow)

        peer.driver.request(self.servers[name].request(session, method), session.flow, listen)
        self.world.run(1)
        return heard

    def ask_for_offer(self, name: str, session: ServedSession) -> Response:
        """Let a server send a re-INVITE without an offer, and answer as it did last. Returns: the 200."""
        heard: list[Response] = []
        peer, dialog, answer = self.peers[name], session.dialog, session.answer
        assert dialog is not None and answer is not None

        def listen(event: Any) -> None:
            if (response := getattr(event, "response", None)) is not None and response.status == 200:
                heard.append(response)
                ack = dialog.ack(dialog.local_cseq, body=write(answer), content_type="application/sdp")
                peer.driver.acknowledge(event.txn, ack, session.flow)

        contact = [("Contact", f"<sip:srs@{SERVERS[name]}>;+sip.srs")]
        peer.driver.request(dialog.request("INVITE", headers=contact), session.flow, listen)
        self.world.run(1)
        return heard[0]


def _trunk(name: str, address: Address) -> Trunk:
    return Trunk(name, Role.RECORDER, "core", (Source(ip_network(address.host), 5060),), address=address)
