"""Trunks whose media come from where their SDP does not say: what operators are told. Pure: time is an argument."""

from __future__ import annotations

from dataclasses import dataclass

ALARM_S = 600.0  # after the last such call


@dataclass(slots=True)
class _Heard:
    """What is known of one trunk."""

    source: str
    calls: int
    at: float


class TrunkStrangers:
    """The strangers that were heard lately, by trunk."""

    def __init__(self) -> None:
        self._heard: dict[str, _Heard] = {}

    def heard(self, trunk: str, source: str, now: float) -> bool:
        """A stream of a call of this trunk came from `source` and was not taken. True if that is news."""
        found = self._heard.get(trunk)
        news = found is None or now - found.at >= ALARM_S
        calls = 1 if found is None or news else found.calls + 1
        self._heard[trunk] = _Heard(source, calls, now)
        return news

    def alarms(self, now: float) -> tuple[str, ...]:
        """The alarms, in plain words."""
        return tuple(
            f"trunk {trunk}: media come from {heard.source}, which its SDP does not name, and are not taken "
            f"({heard.calls} times lately); see media_sources"
            for trunk, heard in self._heard.items()
            if now - heard.at < ALARM_S
        )
