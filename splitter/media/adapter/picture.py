"""The picture of an adapter: as it is, but for the rate that a browser is asked to keep to. No I/O.

A room limits a phone by TMMBR (RFC 5104 §4.2), of which browsers know nothing: they are told by REMB
(draft-alvestrand-rmcat-remb), as guests and desks are. TMMBR is said again with every report until it is confirmed. It
never is here, so REMB is said as often as that, which it has to be: nobody confirms one.
"""

from __future__ import annotations

from splitter.core.errors import PeerError
from splitter.media.adapter.stream import AdapterStream
from splitter.rtp import rtcp
from splitter.rtp.feedback import Remb, Tmmbr
from splitter.rtp.rtcp import RtcpPacket


class AdapterPicture(AdapterStream):
    """A picture."""

    def reported_inside(self, data: bytes, now: float) -> None:
        try:
            messages = rtcp.parse(data)
        except PeerError:
            self.rejected += 1
            return
        if any(isinstance(one, Tmmbr) for one in messages):
            data = rtcp.build([told for one in messages for told in _for_browser(one)])
        super().reported_inside(data, now)


def _for_browser(message: RtcpPacket) -> list[RtcpPacket]:
    """A message of the room, as a browser understands it."""
    if not isinstance(message, Tmmbr):
        return [message]
    return [Remb(message.sender, limit.bits_per_s, (limit.ssrc,)) for limit in message.limits]
