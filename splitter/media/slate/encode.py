"""Encodes a still picture to H.264 constrained baseline in slices that fit into packets (libx264 through PyAV)."""

from __future__ import annotations

from fractions import Fraction

import av
from av.video.frame import PictureType

from splitter.media.slate.draw import Picture
from splitter.media.slate.still import AccessUnit, Still
from splitter.rtp import h264

RATE = 5  # pictures per second: enough for a peer to see that the stream lives
GROUP = 10  # pictures from one IDR to the next
SLICE_BYTES = 1100  # so that a slice is one packet, also in packetization-mode 0
_DROPPED = (h264.SEI, h264.DELIMITER)  # x264's signature; nothing a decoder needs
_QUANTISER = 25  # constant: both key frames look alike, and what lies between them costs nothing
_COARSER = (25, 28, 31, 34, 37, 40, 44, 48, 51)  # tried in turn where a key frame must be small
_KEY_FRAME_S = 0.6  # a key frame may take so long at the viewer's bit rate
# The sizes of key frames that stills are made for, in bytes: a few, so that viewers share stills.
_KEY_FRAME_BYTES = (4_000, 8_000, 16_000, 24_000, 32_000, 48_000, 64_000)

# Macroblocks of a picture and the lowest level that has room for them (H.264 table A-1). The lowest is declared: it is
# true, and every peer that can take the size can take the level.
_LEVELS = ((99, "1.0"), (396, "1.1"), (1620, "2.2"))


def encode(picture: Picture, quantiser: int = _QUANTISER) -> Still:
    """Encode two groups of a picture of even width and height, at most 1620 macroblocks."""
    height, width = picture.shape[:2]
    units = _encode(picture, quantiser, 2 * GROUP)
    return Still(width, height, 1 / RATE, (tuple(units[:GROUP]), tuple(units[GROUP:])))


def encode_within(picture: Picture, limit_bytes: int) -> Still:
    """Like `encode`, as finely as key frames of at most `limit_bytes` allow, or else as coarsely as it can be."""
    for quantiser in _COARSER:
        (key_frame,) = _encode(picture, quantiser, 1)
        if sum(map(len, key_frame)) <= limit_bytes:
            break
    return encode(picture, quantiser)


def key_frame_limit(bitrate_kbps: int) -> int:
    """Say how many bytes a key frame of a still may have for a viewer of this bit rate."""
    wanted = bitrate_kbps * 125 * _KEY_FRAME_S
    return max((size for size in _KEY_FRAME_BYTES if size <= wanted), default=_KEY_FRAME_BYTES[0])


def _encode(picture: Picture, quantiser: int, count: int) -> list[AccessUnit]:
    """So many access units of a picture, a key frame at the begin of each group."""
    height, width = picture.shape[:2]
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height = width, height
    context.pix_fmt = "yuv420p"
    context.framerate = Fraction(RATE)
    context.time_base = Fraction(1, RATE)
    context.options = {
        "profile": "baseline",
        "preset": "faster",
        "tune": "stillimage",
        "qp": str(quantiser),
        "level": _level(width, height),
        "forced-idr": "1",
        "x264-params": f"slice-max-size={SLICE_BYTES}:keyint=1000:scenecut=0:threads=1:ref=1:rc-lookahead=0:annexb=1"
        ":repeat-headers=1:sync-lookahead=0:force-cfr=1:mbtree=0",
    }
    frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
    units: list[AccessUnit] = []
    for index in range(count):
        frame.pts = index
        frame.pict_type = PictureType.I if index % GROUP == 0 else PictureType.P
        units.extend(_access_unit(bytes(packet)) for packet in context.encode(frame))
    units.extend(_access_unit(bytes(packet)) for packet in context.encode(None))
    return units


def _level(width: int, height: int) -> str:
    macroblocks = -(-width // 16) * -(-height // 16)
    return next(level for limit, level in _LEVELS if macroblocks <= limit)


def _access_unit(data: bytes) -> AccessUnit:
    return tuple(unit for unit in h264.split_annex_b(data) if unit[0] & 0x1F not in _DROPPED)
