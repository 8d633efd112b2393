"""The browser of a web caller as plain data: all that another process needs to carry its leg on. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.media.ports.adapters import AdapterHandle
from splitter.sdp.model import Session
from splitter.sdp.webcaller import BrowserOffer, read_call, transcoded, transport_of
from splitter.sdp.webrtc import SecureRemote


@dataclass(slots=True)
class BrowserRecord:
    """The browser of one leg.

    Attributes:
        offer: its last one, as it came. codecs: of its voice, that we take: names out of `webvoice.VOICES`.
        adapter: what its transport ends in.
        camera: its user lets the agent see pictures.
        customer, language: of its user, as far as they are known.
        said, ahead: of what one that speaks SIP was told; see `legs.versions`.
    """

    offer: Session
    codecs: tuple[str, ...]
    adapter: AdapterHandle
    camera: bool = False
    customer: str = ""
    language: str = ""
    said: tuple[int, str] = (0, "")
    ahead: int = 0

    @property
    def call(self) -> BrowserOffer:
        """The lines that are used. Raises PeerError, but not for an offer that was taken before."""
        return read_call(self.offer, self.codecs)

    def transcodes(self, ours: Session) -> bool:
        """Whether its voice is made of another one, by our description on the plain side."""
        return transcoded(self.call, ours) is not None

    @property
    def secure(self) -> SecureRemote:
        """The browser's side of ICE and DTLS; see `transport_of`. Raises as `call`."""
        return transport_of(self.call)
