"""What six hex digits say about H.264: profile family and level (RFC 6184 §8.1, H.264 annex A). Pure."""

from __future__ import annotations

import re
from typing import NamedTuple

DEFAULT_PROFILE_LEVEL_ID = "42000a"
"""RFC 6184 §8.1: an absent profile-level-id means baseline, no constraints, level 1 (level_idc 10 is 0x0a)."""

_HEX = re.compile(r"[0-9a-f]{6}\Z")


class Level(NamedTuple):
    """Limits of one level (H.264 table A-1). `idc` is ten times the level, 9 for level 1b."""

    idc: int
    max_macroblocks: int
    max_macroblocks_per_s: int
    bitrate_kbps: int


_LEVELS = (
    Level(9, 99, 1485, 128),
    Level(10, 99, 1485, 64),
    Level(11, 396, 3000, 192),
    Level(12, 396, 6000, 384),
    Level(13, 396, 11880, 768),
    Level(20, 396, 11880, 2000),
    Level(21, 792, 19800, 4000),
    Level(22, 1620, 20250, 4000),
    Level(30, 1620, 40500, 10000),
    Level(31, 3600, 108000, 14000),
    Level(32, 5120, 216000, 20000),
    Level(40, 8192, 245760, 20000),
    Level(41, 8192, 245760, 50000),
    Level(42, 8704, 522240, 50000),
    Level(50, 22080, 589824, 135000),
    Level(51, 36864, 983040, 240000),
    Level(52, 36864, 2073600, 240000),
)


def family_of(profile_level_id: str) -> str:
    """The sub-profile: "constrained baseline", "baseline", another's name, or "" if the text is not six hex digits.

    42C0xx and 42E0xx are both constrained baseline: what counts is constraint_set1 (RFC 6184 table 5).
    """
    if not _HEX.match(profile_level_id):
        return ""
    profile, constraints = profile_level_id[:2], int(profile_level_id[2:4], 16)
    set0, set1 = constraints & 0x80, constraints & 0x40
    if profile == "42":
        return "constrained baseline" if set1 else "baseline"
    if profile == "4d":
        return "constrained baseline" if set0 else "main"
    if profile == "58":
        if set0:
            return "constrained baseline" if set1 else "baseline"
        return "extended"
    return {"64": "high"}.get(profile, "other")


def level_of(profile_level_id: str) -> Level:
    """The level of six hex digits; an unknown number counts as the next lower known level, at least 1."""
    constraints, idc = int(profile_level_id[2:4], 16), int(profile_level_id[4:6], 16)
    if idc == 9 or (idc == 11 and constraints & 0x10 and profile_level_id[:2] in ("42", "4d", "58")):
        return _LEVELS[0]  # level 1b (H.264 §7.4.2.1.1: constraint_set3 with level_idc 11)
    best = _LEVELS[1]
    for level in _LEVELS[1:]:
        if level.idc <= idc:
            best = level
    return best


def lowest_level(width: int, height: int, rate: int, kbps: int) -> Level:
    """The lowest level, 1b apart, that has room for such pictures, so many in a second and so many kbit/s; or the
    highest."""
    macroblocks = -(-width // 16) * -(-height // 16)
    for level in _LEVELS[1:]:
        enough = macroblocks * rate <= level.max_macroblocks_per_s and kbps <= level.bitrate_kbps
        if macroblocks <= level.max_macroblocks and enough:
            return level
    return _LEVELS[-1]
