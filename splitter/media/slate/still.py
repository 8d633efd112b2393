"""A still picture as H.264, ready to be sent again and again. Pure."""

from __future__ import annotations

from dataclasses import dataclass

AccessUnit = tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Still:
    """Two groups of pictures that are played in turn.

    Each begins with parameter sets and an IDR picture, and each shows the same. There are two because neighbouring IDR
    pictures must have different idr_pic_id (H.264 §7.4.3), also when a viewer asks for one right behind another.

    Attributes:
        width, height: in pixels.
        interval_s: time between two access units.
        groups: access units of NAL units; none of these is larger than a packet.
    """

    width: int
    height: int
    interval_s: float
    groups: tuple[tuple[AccessUnit, ...], tuple[AccessUnit, ...]]
