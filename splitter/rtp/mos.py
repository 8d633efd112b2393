"""How good a voice sounds, estimated from loss, jitter and delay by the E-model (ITU-T G.107). Pure.

    R = 93.2 - Id - Ie,eff            the defaults of G.107 for everything that cannot be seen on the way
    Id: the delay (§7.4)              Ie,eff: codec and loss (§7.5)              MOS: Annex B

An estimate for operators: it tells a bad line from a good one, and hears nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2, pow

_DEFAULT_R = 93.2
_PACKET_MS = 20.0
_BUFFER_JITTERS = 2.0  # a receiver that adapts holds about so many times the jitter
_NO_DELAY_MS = 100.0  # below it, a delay is not felt


@dataclass(frozen=True, slots=True)
class _Codec:
    """How a codec impairs speech, and how well it hides loss (ITU-T G.113 appendix I)."""

    impairment: float
    robustness: float


_CODECS = {
    "pcma": _Codec(0, 25.1),  # with concealment (G.711 appendix I)
    "pcmu": _Codec(0, 25.1),
    "g729": _Codec(11, 19.0),
    "amr": _Codec(5, 10.0),  # 12.2 kbit/s
}
_ANY = _Codec(0, 10.0)  # wide-band codecs, which G.107 rates on another scale: their losses are told from each other


def mos(codec: str, lost: float, jitter_ms: float, round_trip_ms: float = -1.0) -> float:
    """Estimate the mean opinion score of one direction, 1.0 (bad) to 4.4.

    Args:
        codec: its name as in SDP.
        lost: the fraction of packets that did not come, 0 to 1.
        jitter_ms, round_trip_ms: negative where unknown, which is taken for none.
    """
    known = _CODECS.get(codec.lower(), _ANY)
    percent = 100 * min(max(lost, 0.0), 1.0)
    equipment = known.impairment + (95 - known.impairment) * percent / (percent + known.robustness)
    delay_ms = _PACKET_MS + _BUFFER_JITTERS * max(jitter_ms, 0.0) + max(round_trip_ms, 0.0) / 2
    return _score(_DEFAULT_R - _delay_impairment(delay_ms) - equipment)


def _delay_impairment(delay_ms: float) -> float:
    """Idd of G.107 §7.4: too long a delay hurts a conversation even without echo."""
    if delay_ms <= _NO_DELAY_MS:
        return 0.0
    x = log2(delay_ms / _NO_DELAY_MS)
    return 25 * (pow(1 + pow(x, 6.0), 1 / 6) - 3 * pow(1 + pow(x / 3, 6.0), 1 / 6) + 2)


def _score(rating: float) -> float:
    """MOS of a rating R (G.107 Annex B)."""
    if rating <= 0:
        return 1.0
    rating = min(rating, 100.0)
    return max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)
