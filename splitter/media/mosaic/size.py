"""The size of a mosaic, its pictures in a second and its bit rate: what all who watch it can take. Pure."""

from __future__ import annotations

from dataclasses import replace

from splitter.media.ports.mosaics import MosaicPlan
from splitter.sdp.video import Limits, VideoFormat, limits_of

_RATE = 15  # pictures per second: enough for faces, and half of what cameras send
_MACROBLOCKS = 1620  # of level 3.0, 720x576: a phone shows no more, and more costs more to encode
_UPRIGHT, _LYING = (480, 640), (640, 480)
_NARROW_KBPS = 250  # below this a large picture would be a blur
_SMALL_UPRIGHT, _SMALL_LYING = (288, 352), (352, 288)


def size_of(plan: MosaicPlan) -> Limits:
    """The least of what the viewers of a plan can take."""
    found = [_limits(one, plan.upright) for one in plan.viewers]
    smallest = min(found, key=lambda one: one.width * one.height)
    return Limits(
        smallest.width,
        smallest.height,
        min(_RATE, min(one.frame_rate for one in found)),
        min(one.bitrate_kbps for one in found),
    )


def _limits(wanted: VideoFormat, upright: bool) -> Limits:
    """The size that one viewer can take. One that asked for no size gets a usual one, upright or lying."""
    if wanted.size is None:
        narrow = wanted.bitrate_kbps < _NARROW_KBPS or wanted.max_macroblocks < _MACROBLOCKS
        large, small = (_UPRIGHT, _SMALL_UPRIGHT) if upright else (_LYING, _SMALL_LYING)
        wanted = replace(wanted, size=small if narrow else large)
    return limits_of(replace(wanted, max_macroblocks=min(_MACROBLOCKS, wanted.max_macroblocks)))
