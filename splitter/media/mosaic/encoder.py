"""Encodes a mosaic: H.264 constrained baseline by libx264, for the level and the bit rate of who watches."""

from __future__ import annotations

from fractions import Fraction

import av
from av.video.frame import PictureType

from splitter.rtp import h264
from splitter.sdp.h264 import lowest_level

SLICE_BYTES = 1100  # so that a slice is one packet, also in packetization-mode 0
_DROPPED = (h264.SEI, h264.DELIMITER)
_NET = 0.9  # of a bit rate in SDP: the rest is headers of IP, UDP and RTP (RFC 8866 §5.8)
_BURST_S = 0.3  # a key frame may be as large as so much time
_LEAST_KBPS = 32
_LESS, _MORE = 0.7, 1.2  # of what an encoder was opened with: what can be had of it, and what is worth another one


class MosaicEncoder:
    """An encoder of pictures of one size.

    Args:
        rate: pictures per second.
        kbps: of the stream at most, headers of packets included.
    """

    def __init__(self, width: int, height: int, rate: int, kbps: int) -> None:
        self._size, self._rate = (width, height), rate
        self._most_kbps = self._kbps = self._opened_kbps = max(_LEAST_KBPS, kbps)
        self._count = 0
        self._context = self._open()

    def limit(self, kbps: int | None) -> None:
        """Keep to this bit rate from now on; None: as at the begin. Where it changes much, a key frame follows."""
        wanted = min(self._most_kbps, max(_LEAST_KBPS, kbps)) if kbps is not None else self._most_kbps
        if wanted == self._kbps or (self._opened_kbps < wanted < min(self._most_kbps, _MORE * self._opened_kbps)):
            return  # a little more than before is not worth a key frame
        self._kbps = wanted
        if _LESS * self._opened_kbps <= wanted <= self._opened_kbps:
            self._context.bit_rate = _net(wanted) * 1000
        else:
            self._context = self._open()

    def encode(self, picture: av.VideoFrame, key: bool) -> list[bytes]:
        """The NAL units of a picture. `key`: it is to be a key frame."""
        picture.pts = self._count
        self._count += 1
        picture.pict_type = PictureType.I if key else PictureType.NONE
        data = b"".join(bytes(packet) for packet in self._context.encode(picture))
        return [unit for unit in h264.split_annex_b(data) if unit[0] & 0x1F not in _DROPPED]

    def _open(self) -> av.VideoCodecContext:
        width, height = self._size
        self._opened_kbps, kbps = self._kbps, _net(self._kbps)
        context = av.CodecContext.create("libx264", "w")
        context.width, context.height = width, height
        context.pix_fmt = "yuv420p"
        context.framerate = Fraction(self._rate)
        context.time_base = Fraction(1, self._rate)
        context.bit_rate = kbps * 1000
        context.thread_count = 1
        level = lowest_level(width, height, self._rate, kbps)
        context.options = {
            "profile": "baseline",
            "preset": "superfast",
            "tune": "zerolatency",
            "level": f"{level.idc // 10}.{level.idc % 10}",
            "maxrate": f"{kbps}k",
            "bufsize": f"{max(1, round(kbps * _BURST_S))}k",
            "forced-idr": "1",
            "x264-params": f"slice-max-size={SLICE_BYTES}:keyint=100000:scenecut=0:threads=1:annexb=1"
            ":repeat-headers=1:sliced-threads=0",
        }
        return context


def _net(kbps: int) -> int:
    return round(_NET * kbps)
