"""What a sequence parameter set says: profile, level, picture size (H.264 §7.3.2.1). Pure."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.core.errors import PeerError
from splitter.rtp.packet import Buffer

# The profiles whose SPS carries chroma format and scaling lists (H.264 §7.3.2.1.1).
_HIGH_PROFILES = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
_MAX_SIZE = 8192  # pixels; more than any level here, and a bound on what a peer may make us believe


@dataclass(frozen=True, slots=True)
class Sps:
    """A sequence parameter set. `constraints` is the byte of constraint flags behind profile_idc."""

    sps_id: int
    profile_idc: int
    constraints: int
    level_idc: int
    width: int
    height: int

    @property
    def profile_level_id(self) -> str:
        """Six hex digits, as SDP writes it (RFC 6184 §8.1)."""
        return f"{self.profile_idc:02x}{self.constraints:02x}{self.level_idc:02x}"


class Bits:
    """Reads the bits of a NAL unit's payload, emulation prevention bytes removed (H.264 §7.4.1.1).

    Args:
        nal: the NAL unit with its header byte, which is skipped.
    """

    __slots__ = ("_bits", "_left")

    def __init__(self, nal: Buffer) -> None:
        payload = bytes(nal[1:]).replace(b"\x00\x00\x03", b"\x00\x00")
        self._bits = int.from_bytes(payload)
        self._left = 8 * len(payload)

    def read(self, count: int) -> int:
        """The next `count` bits as a number. Raises PeerError at the end."""
        self._left -= count
        if self._left < 0:
            raise PeerError("H.264: a parameter set or slice header ends early")
        return self._bits >> self._left & ((1 << count) - 1)

    def ue(self) -> int:
        """An unsigned Exp-Golomb number of at most 32 bits (H.264 §9.1)."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > 31:
                raise PeerError("H.264: an Exp-Golomb number is too long")
        return (1 << zeros) - 1 + self.read(zeros)

    def se(self) -> int:
        """A signed Exp-Golomb number (H.264 §9.1.1)."""
        number = self.ue()
        return (number + 1) // 2 if number & 1 else -(number // 2)


def parse_sps(nal: Buffer) -> Sps:
    """Read a sequence parameter set with its NAL header.

    Raises:
        PeerError: not an SPS, cut off, or with an impossible picture size.
    """
    if len(nal) < 4 or nal[0] & 0x1F != 7:
        raise PeerError("H.264: not a sequence parameter set")
    bits = Bits(nal)
    profile, constraints, level = bits.read(8), bits.read(8), bits.read(8)
    sps_id = bits.ue()
    chroma = _skip_chroma(bits) if profile in _HIGH_PROFILES else 1
    _skip_picture_order(bits)
    bits.ue()  # max_num_ref_frames
    bits.read(1)  # gaps_in_frame_num_value_allowed_flag
    width, units = bits.ue() + 1, bits.ue() + 1
    frames_only = bits.read(1)
    if not frames_only:
        bits.read(1)  # mb_adaptive_frame_field_flag
    bits.read(1)  # direct_8x8_inference_flag
    height = units * (2 - frames_only)
    left = right = top = bottom = 0
    if bits.read(1):
        left, right, top, bottom = bits.ue(), bits.ue(), bits.ue(), bits.ue()
    step_x = 2 if chroma in (1, 2) else 1
    step_y = (2 if chroma == 1 else 1) * (2 - frames_only)
    shown = 16 * width - step_x * (left + right), 16 * height - step_y * (top + bottom)
    if not (0 < shown[0] <= _MAX_SIZE and 0 < shown[1] <= _MAX_SIZE):
        raise PeerError("H.264: impossible picture size")
    return Sps(sps_id, profile, constraints, level, *shown)


def _skip_chroma(bits: Bits) -> int:
    """Chroma format, bit depths, scaling lists. Returns chroma_format_idc."""
    chroma = bits.ue()
    if chroma == 3:
        bits.read(1)
    bits.ue()
    bits.ue()
    bits.read(1)
    if bits.read(1):
        for index in range(12 if chroma == 3 else 8):
            if bits.read(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma


def _skip_scaling_list(bits: Bits, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) % 256
        last = following or last


def _skip_picture_order(bits: Bits) -> None:
    bits.ue()  # log2_max_frame_num_minus4
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.read(1)
        bits.se()
        bits.se()
        for _ in range(min(bits.ue(), 256)):
            bits.se()
