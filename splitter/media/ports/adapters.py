"""What web callers need of an engine: an adapter between a browser's one secure transport and plain RTP. Pure.

    browser ══ ICE, DTLS, SRTP: one port ══ adapter ── RTP, RTCP: a pair of ports ── relay (voice)
                                                    └─ RTP, RTCP: a pair of ports ── room (picture)

To the relay and the room a web caller is a phone: its plain ports stand in the description that calls see.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.media.ports.events import MediaListener
from splitter.sdp.webrtc import SecureLocal, SecureRemote
from splitter.sdp.webvoice import Transcoding


@dataclass(frozen=True, slots=True)
class AdapterHandle:
    """An open adapter.

    Attributes:
        public: our end towards the browser, whose one port is named twice.
        secure: our side of ICE and DTLS there.
        voice, picture: our plain ports, towards the relay and the room.
    """

    adapter_id: str
    call_id: str
    public: LocalEnd
    secure: SecureLocal
    voice: LocalEnd
    picture: LocalEnd


@dataclass(frozen=True, slots=True)
class AdapterSetting:
    """All that an adapter is to do.

    Attributes:
        secure: the browser's side; None before that is known.
        voice_types, picture_types: payload types of each stream: the browser's, and ours for the same inside.
        voice, picture: where each stream goes to and comes from; None is nowhere.
        transcoding: None: the voice goes straight through.
    """

    secure: SecureRemote | None = None
    voice_types: tuple[tuple[int, int], ...] = ()
    picture_types: tuple[tuple[int, int], ...] = ()
    voice: RemoteEnd | None = None
    picture: RemoteEnd | None = None
    transcoding: Transcoding | None = None


@dataclass(frozen=True, slots=True)
class CarriedAdapter:
    """An open adapter as its engine has it."""

    handle: AdapterHandle
    setting: AdapterSetting = AdapterSetting()


class AdapterEngine(Protocol):
    """The adapters of web callers; see the package for what holds of every request.

    Listeners are told TransportChanged of the participant "browser", and AdapterLost.
    """

    async def open_adapter(self, call_id: str, network: str, on_event: MediaListener) -> AdapterHandle:
        """Bind its ports on the named network."""
        ...

    async def adopt_adapter(self, adapter: AdapterHandle, on_event: MediaListener) -> CarriedAdapter:
        """Take up an adapter that was opened by a gateway before this one; see `survivors`."""
        ...

    async def set_adapter(self, adapter: AdapterHandle, setting: AdapterSetting) -> None:
        """Do this from now on. The same again changes nothing."""
        ...

    async def restart_adapter(self, adapter: AdapterHandle) -> AdapterHandle:
        """New ICE credentials and another port (RFC 8445 §9); `set_adapter` with the browser's completes it."""
        ...

    async def close_adapter(self, adapter: AdapterHandle) -> None:
        """Close it; its ports go into quarantine."""
        ...
