"""Session timers (RFC 4028): who refreshes a session, how often, and when it counts as dead. Pure: time is an argument.

Each leg has its own timer; nothing of it passes from one leg to the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from splitter.core.errors import PeerError
from splitter.sip.message import Message, Request, Response

MINIMUM_S = 90  # RFC 4028 §4: no Min-SE below this
_LONGEST_S = 2**31 - 1


class Refresher(StrEnum):
    """The side whose duty the refresh is, as seen from here."""

    US = "us"
    PEER = "peer"


@dataclass(frozen=True, slots=True)
class TimerSettings:
    """What we want.

    Attributes:
        interval_s: the Session-Expires that we ask for; 0 asks for none (a peer's wish is still granted).
        minimum_s: the Min-SE that we insist on.
    """

    interval_s: int = 1800
    minimum_s: int = MINIMUM_S


@dataclass(frozen=True, slots=True)
class SessionTimer:
    """The session timer that was agreed for a leg.

    Attributes:
        interval_s: the session interval.
        refresher: whose duty it is.
    """

    interval_s: int
    refresher: Refresher

    @property
    def refresh_after_s(self) -> float:
        """When the refresher acts: half the interval (RFC 4028 §10)."""
        return self.interval_s / 2

    @property
    def dead_after_s(self) -> float:
        """When the other side gives up: min(32, a third of the interval) before the end (RFC 4028 §10)."""
        return self.interval_s - min(32.0, self.interval_s / 3)


def session_expires(message: Message) -> tuple[int, str] | None:
    """Session-Expires: seconds, and "uac", "uas" or "" (RFC 4028 §4). None where there is none.

    A refresher that is neither leaves the choice to the other side, as a missing one does.

    Raises:
        PeerError: 400 for one that cannot be read.
    """
    value = message.headers.get("session-expires")
    if value is None:
        return None
    words = [word.strip() for word in value.split(";")]
    refresher = ""
    for word in words[1:]:
        name, _, given = word.partition("=")
        if name.strip().lower() == "refresher":
            refresher = given.strip().lower()
    return _seconds(words[0], "Session-Expires"), refresher if refresher in ("uac", "uas") else ""


def minimum(message: Message) -> int:
    """Min-SE; its default, and the least that it may say, is 90 s (RFC 4028 §5)."""
    value = message.headers.get("min-se")
    return MINIMUM_S if value is None else max(MINIMUM_S, _seconds(value.partition(";")[0], "Min-SE"))


def supports(message: Message) -> bool:
    """True if the sender knows session timers: it says so, or insists on them."""
    headers = message.headers
    return any(name.lower() == "timer" for name in (*headers.values("supported"), *headers.values("require")))


class TooSmall(PeerError):
    """422 with the Min-SE that the peer has to respect (RFC 4028 §6)."""

    def __init__(self, minimum_s: int) -> None:
        super().__init__(f"the session interval is below {minimum_s} s", 422)
        self.headers = (("Min-SE", str(minimum_s)),)


def as_uas(
    request: Request, settings: TimerSettings, current: SessionTimer | None = None
) -> tuple[SessionTimer | None, list[tuple[str, str]]]:
    """Judge an INVITE or UPDATE of the peer (RFC 4028 §9).

    Args:
        current: what is in force, for a refresh: the roles stay where the peer leaves the choice to us.
    Returns: the timer, None for a session without one, and the headers of our 2xx. A Session-Expires or Min-SE that
        cannot be read counts as missing: a timer is no reason to lose a call.
    Raises:
        PeerError: 422 where the interval is too small and the peer knows timers.
    """
    try:
        wanted = session_expires(request)
    except PeerError:
        wanted = None
    try:
        least_s = minimum(request)
    except PeerError:
        least_s = MINIMUM_S
    peer_knows = supports(request)
    if wanted is None:
        if not settings.interval_s and current is None:
            return None, []
        # The peer asked for none; we may add one, and then must refresh if it does not know how (§9, table 2).
        interval_s = max(current.interval_s if current else settings.interval_s, settings.minimum_s, least_s)
        refresher = ""
    else:
        interval_s, refresher = wanted
        if interval_s < settings.minimum_s:
            if peer_knows:
                raise TooSmall(settings.minimum_s)
            # Erratum 1687 to §9: a proxy put it in for a peer that could not read a 422; §8.1 says what helps.
            interval_s = max(settings.minimum_s, least_s)
    if not peer_knows:
        refresher = "uas"
    elif not refresher:
        refresher = "uas" if current is not None and current.refresher is Refresher.US else "uac"
    timer = SessionTimer(interval_s, Refresher.PEER if refresher == "uac" else Refresher.US)
    headers = [("Session-Expires", f"{interval_s};refresher={refresher}")]
    if peer_knows:
        headers.append(("Require", "timer"))  # §9: MUST for "uac", SHOULD for "uas", whose BYE the peer has to expect
    return timer, headers


def request_headers(settings: TimerSettings, current: SessionTimer | None = None) -> list[tuple[str, str]]:
    """What an INVITE or UPDATE of ours says of timers (RFC 4028 §7); Supported is the leg's.

    A refresh repeats the interval in force, and names who refreshes so that the roles do not change by chance.
    """
    minimum_s = [("Min-SE", str(settings.minimum_s))] if settings.minimum_s > MINIMUM_S else []
    if current is not None:
        role = "uac" if current.refresher is Refresher.US else "uas"
        interval_s = max(current.interval_s, settings.minimum_s)  # a 422 may have raised the minimum since (§7.4)
        return [("Session-Expires", f"{interval_s};refresher={role}"), *minimum_s]
    return [("Session-Expires", str(settings.interval_s)), *minimum_s] if settings.interval_s else []


def as_uac(response: Response) -> SessionTimer | None:
    """What a 2xx to our INVITE or UPDATE agreed on (RFC 4028 §7.2); None for a session without a timer.

    Raises:
        PeerError: it cannot be read.
    """
    agreed = session_expires(response)
    if agreed is None:
        return None
    interval_s, refresher = agreed
    return SessionTimer(interval_s, Refresher.PEER if refresher == "uas" else Refresher.US)


def after_too_small(response: Response, settings: TimerSettings) -> TimerSettings:
    """The settings to try again with after a 422 (RFC 4028 §7.4).

    Raises:
        PeerError: the 422 has no readable Min-SE, or one that asks for nothing new.
    """
    wanted = minimum(response)
    if wanted <= settings.minimum_s and wanted <= settings.interval_s:
        raise PeerError("422 without a larger Min-SE", 500)
    return TimerSettings(max(wanted, settings.interval_s), max(wanted, settings.minimum_s))


def _seconds(text: str, name: str) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10 and 0 < int(digits) <= _LONGEST_S):
        raise PeerError(f"{name} is not a number of seconds: {digits[:20]!r}")
    return int(digits)
