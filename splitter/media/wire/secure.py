"""A participant's way to its browser: ICE finds the path, DTLS the keys, SRTP carries. Does I/O through its loop.

    connecting ──path and keys──▶ connected ──nothing heard──▶ interrupted ──out of patience──▶ failed
                                      ▲                             │
                                      └──────── heard again ────────┘

DTLS and SRTP belong to the wire, not to a path: they go on when the path moves, be it that the browser's address
changed or that ICE was restarted (RFC 8842 §5.5). Until a restart has found its path the one before carries on.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from splitter.core.errors import LocalError, MediaUnavailable, PeerError
from splitter.core.limits import Bucket
from splitter.core.net import Address
from splitter.media.fast.way import Form
from splitter.media.ports.events import MediaEvent, TransportChanged
from splitter.media.ports.rooms import ParticipantMedia
from splitter.media.wire.ends import NOWHERE, RTCP_BYTES, RTCP_DATAGRAMS, WireEnd
from splitter.media.wire.frames import StreamAddress
from splitter.media.wire.generation import Generation, no_path, path_of
from splitter.media.wire.generations import Generations
from splitter.media.wire.host import Datagram, Host, Timer
from splitter.media.wire.ice import Agent
from splitter.media.wire.key_exchange import KeyExchange
from splitter.media.wire.srtp import Cipher
from splitter.media.wire.times import SecureTimes
from splitter.rtp import rtcp
from splitter.sdp.webrtc import SecureLocal, SecureRemote

log = structlog.get_logger(__name__)

_TICK_S = 1.0


class SecureWire:
    """A wire to a browser. All methods are called on the loop's thread; none of them waits.

    Args:
        end: the participant. name, call_id: its own and its call's.
        host: our address to bind. advertised: what the candidate says instead.
        emit: takes what happens to the transport.

    Attributes:
        packet_limit: what paths to browsers carry, tunnels and TURN included.
        strays: datagrams from sources that ICE does not know, or of no protocol.
        malformed: RTCP that is none, though it was encrypted well.
        paths: the generations of ICE. keying: DTLS. cipher: of SRTP, once there are keys.
    """

    packet_limit = 1200

    def __init__(
        self,
        end: WireEnd,
        loop: Host,
        host: str,
        advertised: str,
        *,
        name: str,
        call_id: str,
        emit: Callable[[MediaEvent], None],
        times: SecureTimes | None = None,
        form: Form | None = None,
    ) -> None:
        """Bind a port. Raises MediaUnavailable."""
        self._end, self._way = end, end.way
        self._form = form
        self._loop = loop
        self._name, self._call_id, self._emit = name, call_id, emit
        self._times = times or SecureTimes()
        self.paths = Generations(self, loop, host, advertised, self._times)
        self.keying = KeyExchange(self, loop, self._times.connect_limit_s)
        self.cipher: Cipher | None = None
        self._remote: SecureRemote | None = None
        self._timer: Timer | None = None
        self._heard_at = 0.0
        self._reused = 0
        self._rtcp_pace = Bucket.per_second(RTCP_DATAGRAMS)
        self._hasty = 0  # RTCP that was too much
        self._send: Callable[[Datagram, Address], bool] = self.paths.current.port.send
        self._by_tcp = False
        self.state = "new"
        self.reason = ""
        self.to = NOWHERE
        self.strays = self.malformed = 0

    def serve(self, end: WireEnd) -> None:
        if self._way is not None:
            self._way.leave(self.paths.current.port)
        self._end, self._way = end, end.way
        if self._way is not None:
            self._way.encrypt(self.cipher)
            self._way.ride(self.paths.current.port, self._on_opened)

    @property
    def heard_at(self) -> float:
        """When the browser last gave a sign, by the loop's clock."""
        return max(self._heard_at, self._way.coming.opened_at if self._way is not None else 0.0)

    @heard_at.setter
    def heard_at(self, at: float) -> None:
        self._heard_at = at
        if self._way is not None:
            self._way.coming.opened_at = at

    @property
    def ports(self) -> tuple[int, int]:
        port = self.paths.newest.port.number
        return port, port

    @property
    def local(self) -> SecureLocal:
        """Our side, as the next description has to say it."""
        agent = self.paths.newest.agent
        return SecureLocal(agent.local_username, agent.local_password, self.keying.fingerprint, agent.candidates)

    @property
    def rejected(self) -> int:
        unauthentic = self.cipher.counts.unauthentic if self.cipher is not None else 0
        return self.strays + self.paths.current.agent.rejected + unauthentic + self._hasty

    def configure(self, media: ParticipantMedia | None, now: float) -> None:
        """Take the peer's side: begin, add candidates, or complete a restart. A pause leaves the transport as it is."""
        if media is None or self.state == "failed":
            return
        remote = media.secure
        if remote is None:
            raise LocalError("a WebRTC participant needs the peer's ICE and DTLS")
        paths = self.paths
        before, self._remote = self._remote, remote
        if before is None:
            self._change("connecting", "")
            paths.begin(paths.current, remote)
        elif set(remote.fingerprints) != set(before.fingerprints):
            self.fail("the peer came with another certificate: it has to join anew")
        elif (remote.ufrag, remote.password) == (before.ufrag, before.password):
            begun = paths.add(remote.candidates)
            if begun is not None and self.state == "connected":  # its checks were quicker than this word
                self._change("connected", path_of(begun.agent))
        elif paths.current.agent.knows(remote.ufrag, remote.password):  # it is as before: the peer has never restarted
            paths.drop_next()
        elif paths.next is not None:
            paths.begin(paths.next, remote)
        else:
            raise LocalError(f"{self._name}: the peer restarts ICE, and restart_ice was not asked for")

    def restart(self) -> None:
        """Open another generation; `local` and `ports` are its from now on. Raises MediaUnavailable."""
        if self.state == "failed":
            raise MediaUnavailable(f"{self._name}: the transport has failed: {self.reason}")
        self.paths.restart()

    def seal_rtp(self, packet: bytes) -> memoryview | None:
        cipher = self.cipher
        if cipher is None:
            return None
        return cipher.seal_rtp(packet)

    def send_rtp(self, data: bytes | memoryview, to: Address) -> None:
        self._send(data, to)

    def send_rtcp(self, data: bytes) -> None:
        if self.cipher is not None and self.to.port:
            sealed = self.cipher.seal_rtcp(data)
            if sealed is not None:
                self._send(sealed, self.to)

    def close(self) -> None:
        """Say goodbye and free everything."""
        cipher = self.cipher
        counts = cipher.counts if cipher is not None else None
        if counts is not None and (counts.unauthentic or counts.replayed or counts.reused):
            log.info(
                "packets of a browser were not believed, or of ours refused",
                call=self._call_id,
                participant=self._name,
                unauthentic=counts.unauthentic,
                replayed=counts.replayed,
                reused=counts.reused,
            )
        self.state = "failed"
        self._free()

    def _free(self) -> None:
        self.keying.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.paths.close()
        self.to = NOWHERE

    # ---- ICE ------------------------------------------------------------------------------------------------------

    def on_no_path(self, generation: Generation, limit_s: float) -> None:
        """A generation has found no path: of a restart, the one that carries goes on."""
        if generation is self.paths.next:
            log.info("ICE restart found no path", call=self._call_id, participant=self._name)
            self.paths.drop_next()
        elif generation is self.paths.current:
            self.fail(no_path(generation, limit_s))

    def on_agent_path(self, agent: Agent) -> None:
        """An agent has a path, or another one, or has none any more."""
        paths = self.paths
        if agent.path is None:
            if agent is paths.current.agent:
                self._strand()
            return
        if (before := paths.promote(agent)) is not None:
            self.strays += before.agent.rejected
            if self._way is not None:
                self._way.leave(before.port)
                self._way.ride(paths.current.port, self._on_opened)
        if agent is not paths.current.agent:
            return
        if self.cipher is not None:
            self._resume("")
        elif not self.keying.begun and self._remote is not None:
            self.keying.start(self._remote)
        else:
            self.keying.flush()

    def _strand(self) -> None:
        """The connection that was the path is gone; the browser may come by another one."""
        self.to = NOWHERE
        self._end.on_path(NOWHERE, self._loop.now())
        if self.state == "connected":
            reason = "the TCP connection of the browser is gone"
            self._change("interrupted", reason)
            self._look_later(self._loop.now())
            self._end.on_lost(reason)

    # ---- DTLS and SRTP --------------------------------------------------------------------------------------------

    def on_dtls(self, data: bytes, now: float) -> None:
        """A DTLS datagram of a source that ICE knows."""
        self.keying.receive(data, now)

    def send_dtls(self, datagram: bytes) -> None:
        """Send a DTLS datagram, if there is a path."""
        if (path := self.paths.path) is not None:
            self.paths.current.send(datagram, path)

    def on_dtls_changed(self) -> None:
        """Look whether there are keys now, or a fault."""
        keys = self.keying.handshake.keys
        if self.state == "failed":
            return
        if self.keying.fault:
            self.fail(self.keying.fault)
        elif keys is not None and self.cipher is None:
            self.cipher = Cipher(keys.profile, keys.incoming, keys.outgoing, self._form)
            if self._way is not None:
                self._way.encrypt(self.cipher)
            self._look_later(self._loop.now())
            self._resume(f"{path_of(self.paths.current.agent)}, {keys.name}")

    def on_media(self, data: bytearray | memoryview, now: float) -> None:
        """An SRTP or SRTCP packet of a source that ICE knows."""
        cipher = self.cipher
        if cipher is None:
            return  # it overtook the handshake's last flight
        if 192 <= data[1] <= 223:
            self._on_rtcp(cipher, data, now)
            return
        size = cipher.open_rtp(data)
        if size:
            if self._way is not None:
                self._way.coming.admitted = self._way.coming.generation
            self._on_opened(data[:size], now)

    def _on_opened(self, data: bytearray | memoryview, now: float) -> None:
        self.heard_at = now
        self._end.on_rtp(data, now)

    def _on_rtcp(self, cipher: Cipher, data: bytearray | memoryview, now: float) -> None:
        size = cipher.open_rtcp(data) if len(data) <= RTCP_BYTES else 0
        if not size:
            return
        self.heard_at = now
        if not self._rtcp_pace.permit(now):
            self._hasty += 1
            return
        try:
            messages = rtcp.parse(data[:size])
        except PeerError:
            self.malformed += 1
            return
        self._end.on_rtcp(messages, now)

    # ---- states ---------------------------------------------------------------------------------------------------

    def on_heard(self) -> None:
        """The peer answered a check of ours, or sent one."""
        self.heard_at = self._loop.now()
        stopped = self.state == "interrupted" or not self.to.port
        if stopped and self.cipher is not None and self._consents(self.heard_at):
            self._resume("the browser is back")

    def _consents(self, now: float) -> bool:
        return now - self.paths.current.agent.consent_at < self._times.consent_s

    def _resume(self, reason: str) -> None:
        """There are a path and keys: media flows."""
        path = self.paths.path
        if path is None or self.state == "failed":
            return
        now = self.heard_at = self._loop.now()
        moved, self._by_tcp = self._by_tcp is not isinstance(path, StreamAddress), isinstance(path, StreamAddress)
        self.to, self._send = path, self.paths.current.sender(path)
        self.paths.current.settle(path)
        if self.state != "connected" or moved:
            self._change("connected", reason or path_of(self.paths.current.agent))
        self._end.on_path(path, now)

    def _on_tick(self) -> None:
        now = self._loop.now()
        self._look_later(now)
        self.look(now)

    def _look_later(self, now: float) -> None:
        """Look again when the peer would have been quiet for too long; once a second while it is."""
        if self._timer is not None:
            self._timer.cancel()
        pause_s = _TICK_S
        if self.state == "connected":
            times = self._times
            until = min(self.heard_at + times.quiet_s, self.paths.current.agent.consent_at + times.consent_s)
            pause_s = max(_TICK_S, until - now)
        self._timer = self._loop.call_later(pause_s, self._on_tick)

    def look(self, now: float) -> None:
        """Is the peer there, does it want our packets, and were ours in order?"""
        if self.cipher is not None and self.cipher.counts.reused and not self._reused:
            self._reused = 1
            log.error("a packet number was to be used twice", call=self._call_id, participant=self._name)
        quiet_s = now - self.heard_at
        if self.state == "connected" and quiet_s > self._times.quiet_s:
            reason = f"nothing came from the browser for {quiet_s:.0f} s"
            self._change("interrupted", reason)
            self._end.on_lost(reason)
        elif self.state == "interrupted":
            if quiet_s < _TICK_S and self._consents(now):
                self._resume("the browser is back")
            elif quiet_s > self._times.patience_s:
                self.fail(f"nothing came from the browser for {quiet_s:.0f} s")
        if self.to.port and not self._consents(now):
            self.to = NOWHERE
            self._end.on_path(NOWHERE, now)

    def fail(self, reason: str) -> None:
        """Give it up: it will not come back."""
        if self.state == "failed":
            return
        self.reason = reason
        self._change("failed", reason)
        self._free()
        now = self._loop.now()
        self._end.on_path(NOWHERE, now)
        self._end.on_lost(reason)

    def _change(self, state: str, reason: str) -> None:
        self.state = state
        log.info("WebRTC transport " + state, call=self._call_id, participant=self._name, reason=reason)
        self._emit(TransportChanged(self._call_id, self._name, state, reason))
