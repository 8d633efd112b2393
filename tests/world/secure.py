"""Neighbours that speak SRTP alone, with keys in SDP (SDES, RFC 4568), written without the gateway's own functions."""

from __future__ import annotations

from dataclasses import replace

from splitter.sdp.model import Attribute, Media, Session
from splitter.sdp.srtp import SECURE_OF, Crypto, Suite
from tests.world.peer import Peer
from tests.world.terminal import Terminal

SUITE = Suite.AES_CM_128_HMAC_SHA1_80


class SecureTerminal(Terminal):
    """Media of a peer that speaks SRTP alone. `turn`: its key changes with it."""

    turn = 1

    def note(self, session: Session) -> Session:
        return super().note(replace(session, media=tuple(self._secured(line) for line in session.media)))

    def key(self, media: Media) -> bytes:
        return bytes([self.port % 251, len(media.kind), media.kind == "video", self.turn] * 8)[: SUITE.key_bytes]

    def _secured(self, media: Media) -> Media:
        line = media.without(("crypto",)).with_(proto=SECURE_OF.get(media.proto, media.proto))
        if not line.port:
            return line
        return line.with_(attributes=(*line.attributes, Attribute("crypto", Crypto(1, SUITE, self.key(media)).value)))


def secure(peer: Peer) -> None:
    """Let this neighbour's phones speak SRTP."""
    plain = peer.terminal

    def terminal() -> SecureTerminal:
        made = plain()
        return SecureTerminal(made.host, made.port, peer.ids.number(2**31))

    peer.terminal = terminal  # type: ignore[method-assign]
