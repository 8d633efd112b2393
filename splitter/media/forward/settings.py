"""Settings of the media fork. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

from splitter.core.keys import Key, Uptake, ValueProblem
from splitter.media.record.rules import CallRules
from splitter.media.record.settings import parse_numbers


def _parse_url(text: str) -> str:
    if text and (not text.isascii() or not re.fullmatch(r"wss?://[^/\s?#@]+(/[^\s#]*)?", text)):
        raise ValueProblem(
            f'"{text[:80]}" is no WebSocket', 'write it such as "wss://asr.example/calls", without a password'
        )
    try:
        usable = not text or (bool(urlsplit(text).hostname) and urlsplit(text).port != 0)
    except ValueError:  # a port or an address that is none
        usable = False
    if not usable:
        raise ValueProblem("leads nowhere", "its host or port is none")
    return text


def _parse_token(text: str) -> str:
    if text and not re.fullmatch(r"[!-~]{1,4096}", text):
        raise ValueProblem("is no bearer token", "write it without blanks, and without the word Bearer")
    return text


@dataclass(frozen=True, slots=True)
class ForkSettings:
    """The receiver that listens and looks while people talk."""

    url: Annotated[str, Key(parse=_parse_url, taken=Uptake.RESTART)] = ""
    """The WebSocket of your speech recognition or quality check, such as "wss://asr.example/calls": it gets a
    connection for each call that is recorded by the rules of [recording], or on demand; with or without a folder there.
    Its certificate is verified. docs/fork.md"""
    token: Annotated[str, Key(parse=_parse_token, secret=True, taken=Uptake.RESTART)] = field(default="", repr=False)
    """It is shown this (Authorization: Bearer …); empty: nothing."""
    trunks: Annotated[tuple[str, ...], Key(unique=True, taken=Uptake.RESTART)] = ()
    """Of the calls that are recorded it gets only those that come from or go to these trunks, whose called number
    matches this regular expression, or that one of these extensions has now; all where none of the three is set."""
    called: Annotated[re.Pattern[str] | None, Key(parse=parse_numbers, taken=Uptake.RESTART)] = None
    desks: Annotated[tuple[str, ...], Key(unique=True, taken=Uptake.RESTART)] = ()
    on_demand: Annotated[bool, Key(taken=Uptake.RESTART)] = False
    """And those alone of which an operator demands it: `splitter fork`, or the API. Any call that is recorded can be
    demanded, and left out, in any case."""
    voices: Annotated[str, Key(choices=("all", "caller", "centre", "none"), taken=Uptake.RESTART)] = "all"
    """The voices that it gets: everybody's, one side's alone, or none."""
    wideband: Annotated[bool, Key(taken=Uptake.RESTART)] = False
    """Voices have 16 000 samples a second, instead of 8000. What was spoken in 8000 is told to be narrow."""
    pictures: Annotated[str, Key(choices=("none", "caller", "all"), taken=Uptake.RESTART)] = "none"
    """The pictures that it gets, as H.264: none, the caller's, or everybody's."""
    stills: Annotated[str, Key(choices=("none", "too", "only"), taken=Uptake.RESTART)] = "none"
    """Of these pictures it gets stills (JPEG) too, or those only, one every so many seconds. Each is made of a key
    frame, which is asked for where none comes by itself: it costs the sender a picture as large as the first one."""
    still_every_s: Annotated[float, Key(1, 3600, taken=Uptake.RESTART)] = 10.0
    ca: Annotated[str, Key(file=True, taken=Uptake.RESTART)] = ""
    """Authorities that its certificate must come from, a PEM file. Empty: those of the system."""
    insecure: Annotated[bool, Key(taken=Uptake.RESTART)] = False
    """Connect by ws://, where others on the way can listen."""

    @property
    def rules(self) -> CallRules:
        """Which calls it gets."""
        return CallRules(self.trunks, self.called, self.desks)

    @property
    def narrows(self) -> bool:
        """Whether it gets less than what is recorded."""
        return self.on_demand or self.rules.any
