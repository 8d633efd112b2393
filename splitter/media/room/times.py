"""The times of a room. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RoomTimes:
    """Seconds.

    Attributes:
        switch_limit_s: how long the old picture is kept while the new source's key frame is awaited; then the slate.
        silence_s: a source that sends nothing for so long has stopped.
        latch_window_s: how long after `set_participant` a peer's port may be learned from its packets.
        report_interval_s: between two RTCP reports while packets are lost, or the peer is yet to be told something;
            each one is drawn from 0.75 to 1.25 of it (RFC 3550 §6.2).
        calm_interval_s: otherwise. Senders that follow reports want one at least every five or six seconds.
        still_repeat_s: a key frame of a still is repeated at most this often when a viewer asks for it.
        report_age_s: a sender report older than this is not carried on.
        snapshot_limit_s: how long a snapshot waits for a key frame.
    """

    switch_limit_s: float = 2.0
    silence_s: float = 3.0
    latch_window_s: float = 5.0
    report_interval_s: float = 1.5
    calm_interval_s: float = 3.0
    still_repeat_s: float = 0.4
    snapshot_limit_s: float = 3.0
    report_age_s: float = 30.0
