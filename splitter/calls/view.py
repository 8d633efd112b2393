"""A call as operators see it: what the API, the CLI and the store show. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from splitter.calls.facts import CallerFacts


@dataclass(frozen=True, slots=True)
class LegView:
    """One leg. `name` is "caller", "centre" or "seat-1" …; `state` early, confirmed or ended."""

    name: str
    trunk: str
    peer: str
    sip_call_id: str
    state: str
    audio: str  # negotiated codec and direction, e.g. "PCMA/8000 sendrecv"; "" where none
    video: str  # e.g. "H264 42e01f mode 1 sendrecv"; "" where none


@dataclass(frozen=True, slots=True)
class CallView:
    """One call. Times are seconds since the Unix epoch; None where it has not happened.

    `state`: routing, ringing, connected, ended. `showing`: what the caller sees: "none", "slate" or a seat's name.
    """

    call_id: str
    short_code: str
    state: str
    caller: str
    called: str
    started_at: float
    answered_at: float | None
    ended_at: float | None
    end_reason: str
    end_status: int  # the SIP status that refused the call, or 200 for an answered one; 0 while it lives
    route: str  # the centre trunk that carries it, "" before
    showing: str
    legs: tuple[LegView, ...]
    facts: CallerFacts = field(default_factory=CallerFacts)


@dataclass(frozen=True, slots=True)
class TargetView:
    """One server of a trunk: its address, its state and since when, and how quickly it answers; None: not measured."""

    address: str  # such as "udp 10.1.0.20:5060"
    state: str
    reason: str
    since: float
    latency_ms: float | None
    jitter_ms: float | None


@dataclass(frozen=True, slots=True)
class TrunkView:
    """One trunk. `state`: up, down or draining, `reason` why, `since` seconds since the Unix epoch.

    Limits of 0 are none. Latency and jitter are those of the nearest server that is up; None where nothing is measured.
    """

    name: str
    role: str
    state: str
    reason: str
    since: float
    calls: int
    max_calls: int
    calls_per_s: float
    address: str
    latency_ms: float | None
    jitter_ms: float | None
    targets: tuple[TargetView, ...]
