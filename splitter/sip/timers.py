"""Timing values of the transaction layer (RFC 3261 §17 and table 4, RFC 6026 §7). Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timers:
    """All waits of one endpoint, in seconds; the letters are those of RFC 3261 table 4.

    Attributes:
        t1_s: estimate of the round trip; first retransmission comes after it.
        t2_s: longest gap between retransmissions of non-INVITE requests and of INVITE responses.
        t4_s: how long a message may stay in the network.
        d_s: how long an INVITE client stays to re-send its ACK over UDP (timer D: at least 32 s).
    """

    t1_s: float = 0.5
    t2_s: float = 4.0
    t4_s: float = 5.0
    d_s: float = 32.0

    @property
    def give_up_s(self) -> float:
        """The limit 64*T1: of timers B, F, H, J, L and M, and of waiting after CANCEL (§9.1) or a 2xx (§13.3.1.4)."""
        return 64 * self.t1_s
