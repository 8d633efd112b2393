"""An adapter: what a browser sends in one bundle becomes plain streams of voice and picture, and back.

Payloads stay as they are, and so do SSRCs and sequence numbers: there is nothing that the two sides could disagree on.
RTCP is read on the browser's side, where the reports of both streams come in one packet, and divided (`wire.bundle`);
what the relay and the room send goes on as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from splitter.core.net import Address
from splitter.media.fast.way import ShortWay
from splitter.media.ports.adapters import AdapterSetting
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.events import MediaEvent
from splitter.media.ports.rooms import ParticipantMedia
from splitter.media.wire.bundle import Bundle, Strand, StreamKey
from splitter.media.wire.host import Host
from splitter.media.wire.secure import SecureWire
from splitter.rtp import rtcp
from splitter.rtp.packet import Buffer
from splitter.rtp.rtcp import RtcpPacket
from splitter.sdp.video import VideoFormat
from splitter.sdp.webrtc import SecureLocal, SecureRemote

BROWSER = "browser"
"""What events call the browser's end."""

SSRC_LIMIT = 16
"""SSRCs of one plain side that are remembered, to know which reports are about them."""

_NO_FORMAT = VideoFormat(payload_type=0)  # a wire asks nothing of the format


class AdapterStream:
    """A stream, voice or picture: its plain pair of ports, and its half of the bundle.

    Attributes:
        ports: ours, RTP and RTCP.
        taken: packets of the browser so far.
        rejected: packets that did not come from where the relay or the room is.
        way: none: packets are told apart first.
    """

    way: ShortWay | None = None

    def __init__(self, host: Host, at: str, bundle: Bundle) -> None:
        self._pair = host.open_pair(at, self._on_plain_rtp, self._on_plain_rtcp)
        self._wire = bundle.wire
        self._remote: RemoteEnd | None = None
        self._ours: set[int] = set()
        self._inwards: dict[int, int] = {}  # payload types that have another number on the other side
        self._outwards: dict[int, int] = {}
        self.taken = self.rejected = 0
        self._strand: Strand = bundle.attach(StreamKey("", None, frozenset()), self)

    @property
    def ports(self) -> tuple[int, int]:
        return self._pair.rtp_port, self._pair.rtcp_port

    def accept(self, payload_types: tuple[tuple[int, int], ...]) -> None:
        """Take packets of these payload types from the browser for packets of this stream; see `AdapterSetting`."""
        self._inwards = {theirs: ours for theirs, ours in payload_types if theirs != ours}
        self._outwards = {ours: theirs for theirs, ours in self._inwards.items()}
        self._strand.rekey(replace(self._strand.key, payload_types=frozenset(theirs for theirs, _ in payload_types)))

    def point(self, remote: RemoteEnd | None) -> None:
        """Say where the relay or the room is; None: nothing goes there or comes from there."""
        if remote != self._remote:
            self._remote = remote
            if remote is not None:
                self._pair.settle(remote.rtp)

    def close(self) -> None:
        """Give the ports back."""
        self._remote = None
        self._pair.close()

    # ---- from the relay or the room ----

    def _on_plain_rtp(self, data: bytearray | memoryview, source: Address, now: float) -> None:
        remote, wire = self._remote, self._wire
        if remote is None or source != remote.rtp or len(data) < 12:
            self.rejected += 1
            return
        if not (to := wire.to).port or (seal := wire.seal_rtp) is None:
            return
        ssrc = int.from_bytes(data[8:12])
        if ssrc not in self._ours:
            self._know(ssrc)
        if (sealed := seal(_renumbered(data, self._outwards))) is not None:
            wire.send_rtp(sealed, to)

    def _know(self, ssrc: int) -> None:
        """Reports about this SSRC are about this stream from now on."""
        if len(self._ours) < SSRC_LIMIT:
            self._ours.add(ssrc)
            self._strand.rekey(replace(self._strand.key, ours=frozenset(self._ours)))

    def _on_plain_rtcp(self, data: bytearray | memoryview, source: Address, now: float) -> None:
        remote = self._remote
        if remote is None or source != remote.rtcp:
            self.rejected += 1
            return
        self._wire.send_rtcp(bytes(data))

    # ---- from the browser (WireEnd) ----

    def plausible(self, data: Buffer) -> bool:
        """Whether a datagram can be one of this stream; the keys have proved it."""
        return True

    def on_rtp(self, data: bytearray | memoryview | bytes, now: float) -> None:
        """A packet of the browser."""
        self.taken += 1
        if self._remote is not None:
            self._pair.send_rtp(_renumbered(data, self._inwards) if self._inwards else data, self._remote.rtp)

    def on_rtcp(self, messages: list[RtcpPacket], now: float) -> None:
        """What the browser reports and asks."""
        if self._remote is not None:
            self._pair.send_rtcp(rtcp.build(messages), self._remote.rtcp)

    def on_path(self, to: Address, now: float) -> None:
        """The browser is found, or found elsewhere: the wire knows."""

    def on_stranger(self, source: Address, packets: int) -> None:
        """Somebody else sends: ICE does not let them."""

    def on_lost(self, reason: str) -> None:
        """Nothing will come for now: the wire tells."""


class Adapter:
    """One browser's transport and the plain ports of its two streams.

    Args:
        host: what the worker gives.
        at: our address that the browser reaches; advertised: what its candidate says instead.
        inside: our address of the plain ports.
        emit: takes what happens to the transport.

    Raises:
        MediaUnavailable: no ports.
    """

    def __init__(
        self,
        call_id: str,
        adapter_id: str,
        host: Host,
        at: str,
        advertised: str,
        inside: str,
        emit: Callable[[MediaEvent], None],
    ) -> None:
        self.call_id, self.adapter_id = call_id, adapter_id
        self._host = host
        self._secure: SecureRemote | None = None
        made: list[SecureWire] = []

        def wire(end: Bundle) -> SecureWire:
            made.append(SecureWire(end, host, at, advertised, name=BROWSER, call_id=call_id, emit=emit))
            return made[0]

        self._bundle = Bundle(wire)  # type: ignore[arg-type]
        self._wire = made[0]
        try:
            self.voice = AdapterStream(host, inside, self._bundle)
            self.picture = AdapterStream(host, inside, self._bundle)
        except Exception:
            self._wire.close()
            raise

    @property
    def local(self) -> tuple[int, SecureLocal]:
        """Our port and our side of the transport, as the next description has to say them."""
        return self._wire.ports[0], self._wire.local

    def configure(self, setting: AdapterSetting) -> None:
        """Do this from now on. Raises LocalError where the browser's side cannot be taken."""
        self.voice.accept(setting.voice_types)
        self.picture.accept(setting.picture_types)
        self.voice.point(setting.voice)
        self.picture.point(setting.picture)
        if setting.secure is not None and setting.secure != self._secure:
            self._secure = setting.secure
            self._wire.configure(_media(setting.secure), self._host.now())

    def restart(self) -> tuple[int, SecureLocal]:
        """New ICE credentials and another port beside the path that there is. Raises MediaUnavailable."""
        self._wire.restart()
        return self.local

    def close(self) -> None:
        """Say goodbye and give all ports back."""
        self._wire.close()
        self.voice.close()
        self.picture.close()


def _renumbered(data: bytearray | memoryview | bytes, numbers: dict[int, int]) -> bytes:
    """A packet with the payload type that it has on the other side."""
    other = numbers.get(data[1] & 0x7F) if numbers else None
    return bytes(data) if other is None else bytes((data[0], data[1] & 0x80 | other)) + bytes(data[2:])


def _media(secure: SecureRemote) -> ParticipantMedia:
    """What a wire wants to know: the peer's side of the transport, and nothing else."""
    return ParticipantMedia(None, _NO_FORMAT, _NO_FORMAT, secure=secure)
