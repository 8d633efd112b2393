"""A participant's way to its browser: ICE finds the path, DTLS the keys, SRTP carries. Does I/O through its loop.

    connecting ──path and keys──▶ connected ──nothing heard──▶ interrupted ──out of patience──▶ failed
                                      ▲                             │
                                      └──────── heard again ────────┘

DTLS and SRTP belong to the wire, not to a path: they go on when the path moves, be it that the browser's address
changed or that ICE was restarted (RFC 8842 §5.5). Until a restart has found its path the one before carries on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import structlog

from splitter.core.errors import LocalError, MediaUnavailable, PeerError
from splitter.core.limits import Bucket
from splitter.core.net import Address
from splitter.media.fast.way import Form
from splitter.media.ports.events import MediaEvent, TransportChanged
from splitter.media.ports.rooms import ParticipantMedia
from splitter.media.wire.dtls import DtlsState, Handshake, certificate
from splitter.media.wire.ends import NOWHERE, RTCP_BYTES, RTCP_DATAGRAMS, WireEnd
from splitter.media.wire.frames import StreamAddress
from splitter.media.wire.generation import Generation, no_path, path_of
from splitter.media.wire.host import Datagram, Host, Timer
from splitter.media.wire.ice import Agent
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
        current: the generation of ICE that carries now.
        handshake: of DTLS. cipher: of SRTP, once there are keys.
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
        self._host, self._advertised = host, advertised
        self._name, self._call_id, self._emit = name, call_id, emit
        self._times = times or SecureTimes()
        self._own = certificate()
        self.current = Generation(self, loop, host, advertised)
        self._next: Generation | None = None
        self._before: list[Generation] = []
        self.handshake = Handshake(self._own)
        self.cipher: Cipher | None = None
        self._remote: SecureRemote | None = None
        self._resending: Timer | None = None  # of the last flight of DTLS
        self._patience: Timer | None = None
        self._timer: Timer | None = None
        self._heard_at = 0.0
        self._reused = 0
        self._rtcp_pace = Bucket.per_second(RTCP_DATAGRAMS)
        self._hasty = 0  # RTCP that was too much
        self._send: Callable[[Datagram, Address], bool] = self.current.port.send
        self._by_tcp = False
        self.state = "new"
        self.reason = ""
        self.to = NOWHERE
        self.strays = self.malformed = 0

    def serve(self, end: WireEnd) -> None:
        if self._way is not None:
            self._way.leave(self.current.port)
        self._end, self._way = end, end.way
        if self._way is not None:
            self._way.encrypt(self.cipher)
            self._way.ride(self.current.port, self._on_opened)

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
        port = (self._next or self.current).port.number
        return port, port

    @property
    def local(self) -> SecureLocal:
        """Our side, as the next description has to say it."""
        agent = (self._next or self.current).agent
        fingerprint = next(one for one in self._own.getFingerprints() if one.algorithm == "sha-256")
        return SecureLocal(agent.local_username, agent.local_password, f"sha-256 {fingerprint.value}", agent.candidates)

    @property
    def rejected(self) -> int:
        unauthentic = self.cipher.counts.unauthentic if self.cipher is not None else 0
        return self.strays + self.current.agent.rejected + unauthentic + self._hasty

    def configure(self, media: ParticipantMedia | None, now: float) -> None:
        """Take the peer's side: begin, add candidates, or complete a restart. A pause leaves the transport as it is."""
        if media is None or self.state == "failed":
            return
        remote = media.secure
        if remote is None:
            raise LocalError("a WebRTC participant needs the peer's ICE and DTLS")
        before, self._remote = self._remote, remote
        if before is None:
            self._change("connecting", "")
            self._begin(self.current, remote)
        elif set(remote.fingerprints) != set(before.fingerprints):
            self.fail("the peer came with another certificate: it has to join anew")
        elif (remote.ufrag, remote.password) == (before.ufrag, before.password):
            begun = self._next if self._next is not None and self._next.task is not None else self.current
            relayed = begun.agent.relayed
            begun.agent.add(remote.candidates)
            if begun.agent.relayed > relayed and self.state == "connected":  # its checks were quicker than this word
                self._change("connected", path_of(begun.agent))
        elif self.current.agent.knows(remote.ufrag, remote.password):  # it is as before: the peer has never restarted
            self._drop_next()
        elif self._next is not None:
            self._begin(self._next, remote)
        else:
            raise LocalError(f"{self._name}: the peer restarts ICE, and restart_ice was not asked for")

    def restart(self) -> None:
        """Open another generation; `local` and `ports` are its from now on. Raises MediaUnavailable."""
        if self.state == "failed":
            raise MediaUnavailable(f"{self._name}: the transport has failed: {self.reason}")
        self._drop_next()
        self._next = Generation(self, self._loop, self._host, self._advertised)

    def _drop_next(self) -> None:
        if self._next is not None:
            self._next.close()
            self._next = None

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
        self.handshake.close()
        self._send_dtls()
        self._disarm_dtls()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for generation in (self.current, self._next, *self._before):
            if generation is not None:
                generation.close()
        self._next, self._before = None, []
        self.to = NOWHERE

    # ---- ICE ------------------------------------------------------------------------------------------------------

    def _begin(self, generation: Generation, remote: SecureRemote) -> None:
        agent = generation.agent
        agent.meet(remote.ufrag, remote.password, remote.lite)
        agent.add(remote.candidates)
        generation.task = self._loop.spawn(self._connect(generation))

    async def _connect(self, generation: Generation) -> None:
        limit_s = self._times.path_limit_s if generation is self.current else self._times.connect_limit_s
        try:
            async with asyncio.timeout(limit_s):
                await generation.agent.connect()
        except (TimeoutError, ConnectionError):
            if generation is self._next:
                log.info("ICE restart found no path", call=self._call_id, participant=self._name)
                self._next = None
                generation.task = None
                generation.close()
            elif generation is self.current:
                self.fail(no_path(generation, limit_s))

    def on_agent_path(self, agent: Agent) -> None:
        """An agent has a path, or another one, or has none any more."""
        if agent.path is None:
            if agent is self.current.agent:
                self._strand()
            return
        if self._next is not None and agent is self._next.agent:
            before, self.current, self._next = self.current, self._next, None
            self._before.append(before)
            before.timer = self._loop.call_later(self._times.linger_s, partial(self._forget, before))
            self.strays += before.agent.rejected
            if self._way is not None:
                self._way.leave(before.port)
                self._way.ride(self.current.port, self._on_opened)
        if agent is not self.current.agent:
            return
        if self.cipher is not None:
            self._resume("")
        elif self.handshake.state is DtlsState.NEW:
            self._secure()
        else:
            self._send_dtls()

    def _strand(self) -> None:
        """The connection that was the path is gone; the browser may come by another one."""
        self.to = NOWHERE
        self._end.on_path(NOWHERE, self._loop.now())
        if self.state == "connected":
            reason = "the TCP connection of the browser is gone"
            self._change("interrupted", reason)
            self._look_later(self._loop.now())
            self._end.on_lost(reason)

    def _forget(self, generation: Generation) -> None:
        if generation in self._before:
            self._before.remove(generation)
            generation.close()

    def on_dtls(self, data: bytes, now: float) -> None:
        """A DTLS datagram of a source that ICE knows."""
        self.handshake.receive(data, now)
        self._after_dtls()

    def _secure(self) -> None:
        """There is a first path: get the keys."""
        remote = self._remote
        assert remote is not None
        self._patience = self._loop.call_later(self._times.connect_limit_s, self._on_no_answer)
        self.handshake.start(remote.fingerprints, remote.setup == "passive", self._loop.now())
        self._after_dtls()

    def _on_no_answer(self) -> None:
        if self.handshake.state is DtlsState.SHAKING:
            self.fail(f"DTLS: no answer from the browser within {self._times.connect_limit_s:g} s")

    def _on_dtls_due(self) -> None:
        self._resending = None
        self.handshake.on_timeout(self._loop.now())
        self._after_dtls()

    def _send_dtls(self) -> None:
        path = self.current.agent.path
        for datagram in self.handshake.poll():
            if path is not None:
                self.current.send(datagram, path)

    def _after_dtls(self) -> None:
        """Send what DTLS has to say, arm its timer, and see where it stands."""
        handshake = self.handshake
        self._send_dtls()
        if self._resending is not None:
            self._resending.cancel()
            self._resending = None
        due = handshake.next_timeout()
        if due is not None:
            self._resending = self._loop.call_later(max(0.0, due - self._loop.now()), self._on_dtls_due)
        if self.state == "failed":
            return
        if handshake.state is DtlsState.FAILED:
            self.fail(f"DTLS: {handshake.reason}")
        elif handshake.state is DtlsState.CLOSED:
            self.fail("the browser ended the connection")
        elif handshake.keys is not None and self.cipher is None:
            keys = handshake.keys
            self.cipher = Cipher(keys.profile, keys.incoming, keys.outgoing, self._form)
            if self._way is not None:
                self._way.encrypt(self.cipher)
            self._look_later(self._loop.now())
            self._resume(f"{path_of(self.current.agent)}, {keys.name}")

    def _disarm_dtls(self) -> None:
        for timer in (self._resending, self._patience):
            if timer is not None:
                timer.cancel()
        self._resending = self._patience = None

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
        if self.state == "interrupted" and self._consents(self.heard_at):
            self._resume("the browser is back")

    def _consents(self, now: float) -> bool:
        return now - self.current.agent.consent_at < self._times.consent_s

    def _resume(self, reason: str) -> None:
        """There are a path and keys: media flows."""
        path = self.current.agent.path
        if path is None or self.state == "failed":
            return
        now = self.heard_at = self._loop.now()
        moved, self._by_tcp = self._by_tcp is not isinstance(path, StreamAddress), isinstance(path, StreamAddress)
        self.to, self._send = path, self.current.sender(path)
        self.current.settle(path)
        if self.state != "connected" or moved:
            self._change("connected", reason or path_of(self.current.agent))
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
            until = min(self.heard_at + times.quiet_s, self.current.agent.consent_at + times.consent_s)
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
