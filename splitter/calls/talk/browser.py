"""The browser of a web caller as plain data: all that another process needs to carry its leg on. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

from splitter.media.ports.adapters import AdapterHandle
from splitter.sdp.model import Session
from splitter.sdp.webcaller import BrowserOffer, read_call, transcoded
from splitter.sdp.webrtc import SecureRemote, read_secure


@dataclass(slots=True)
class BrowserRecord:
    """The browser of one leg.

    Attributes:
        offer: its last one, as it came. codecs: of its voice, that we take: names out of `webvoice.VOICES`.
        adapter: what its transport ends in.
        camera: its user lets the agent see pictures.
        customer, language: of its user, as far as they are known.
    """

    offer: Session
    codecs: tuple[str, ...]
    adapter: AdapterHandle
    camera: bool = False
    customer: str = ""
    language: str = ""

    @property
    def call(self) -> BrowserOffer:
        """The lines that are used. Raises PeerError, but not for an offer that was taken before."""
        return read_call(self.offer, self.codecs)

    def transcodes(self, ours: Session) -> bool:
        """Whether its voice is made of another one, by our description on the plain side."""
        return transcoded(self.call, ours) is not None

    @property
    def secure(self) -> SecureRemote:
        """The browser's side of ICE and DTLS, without its candidates. Raises as `call`.

        Each candidate would have us send checks to an address of a stranger's choice, within our own network too
        (RFC 8445 §19.5.1). A browser checks our address, and where it is we learn from that (§7.3.1.3).
        """
        call = self.call
        return replace(read_secure(call.offer, call.audio), candidates=())
