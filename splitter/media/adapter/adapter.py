"""An adapter: what a browser sends in one bundle becomes plain streams of voice and picture, and back.

RTCP is read on the browser's side, where the reports of both streams come in one packet, and divided (`wire.bundle`).
"""

from __future__ import annotations

from collections.abc import Callable

from splitter.media.adapter.picture import AdapterPicture
from splitter.media.adapter.voice import AdapterVoice
from splitter.media.ports.adapters import AdapterSetting
from splitter.media.ports.events import MediaEvent
from splitter.media.ports.rooms import ParticipantMedia
from splitter.media.wire.bundle import Bundle
from splitter.media.wire.host import Host
from splitter.media.wire.secure import SecureWire
from splitter.media.wire.times import SecureTimes
from splitter.sdp.video import VideoFormat
from splitter.sdp.webrtc import SecureLocal, SecureRemote

BROWSER = "browser"
"""What events call the browser's end."""

TIMES = SecureTimes(path_limit_s=4 * 3600.0)
"""Whoever opens an adapter closes it where its browser does not come: one that speaks SIP may be silent while it rings,
and take our answer with the 200 alone."""

_NO_FORMAT = VideoFormat(payload_type=0)  # a wire asks nothing of the format


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
            one = SecureWire(end, host, at, advertised, name=BROWSER, call_id=call_id, emit=emit, times=TIMES)
            made.append(one)
            return one

        self._bundle = Bundle(wire)  # type: ignore[arg-type]
        self._wire = made[0]
        try:
            self.voice = AdapterVoice(host, inside, self._bundle, call_id)
            self.picture = AdapterPicture(host, inside, self._bundle)
        except Exception:
            self._wire.close()
            raise

    @property
    def local(self) -> tuple[int, SecureLocal]:
        """Our port and our side of the transport, as the next description has to say them."""
        return self._wire.ports[0], self._wire.local

    def configure(self, setting: AdapterSetting) -> None:
        """Do this from now on. Raises LocalError where the browser's side or voice cannot be taken."""
        self.voice.accept(setting.voice_types)
        self.picture.accept(setting.picture_types)
        self.voice.point(setting.voice)
        self.picture.point(setting.picture)
        if setting.secure is not None and setting.secure != self._secure:
            self._secure = setting.secure
            self._wire.configure(_media(setting.secure), self._host.now())
        self.voice.transcode(setting.transcoding)

    def restart(self) -> tuple[int, SecureLocal]:
        """New ICE credentials and another port beside the path that there is. Raises MediaUnavailable."""
        self._wire.restart()
        return self.local

    def close(self) -> None:
        """Say goodbye and give all ports back; with its last stream the wire is closed."""
        self.voice.close()
        self.picture.close()


def _media(secure: SecureRemote) -> ParticipantMedia:
    """What a wire wants to know: the peer's side of the transport, and nothing else."""
    return ParticipantMedia(None, _NO_FORMAT, _NO_FORMAT, secure=secure)
