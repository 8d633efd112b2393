"""Where other programs (CTI, CRM, SMS) are told what happens: what the operator sets. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated

from splitter.core.keys import Key, Uptake, ValueProblem, suggest

EVENTS = ("call", "ended", "notice", "desk", "snapshot", "invitation")

_NAME = re.compile(r"[\w.-]{1,64}")


def _parse_name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueProblem(f'"{text[:80]}" is no name', "use up to 64 letters, digits, and . _ -")
    return text


def _parse_url(text: str) -> str:
    if not re.fullmatch(r"https?://[^/\s?#@]+(/[^\s#]*)?", text):
        remedy = 'write it such as "https://crm.example.org/splitter", without user and password'
        raise ValueProblem(f'"{text}" is no address to post to', remedy)
    return text


def _parse_event(text: str) -> str:
    if text not in EVENTS:
        raise ValueProblem(f'"{text}" is nothing that webhooks are told', suggest(text, EVENTS))
    return text


@dataclass(frozen=True, slots=True)
class Webhook:
    """A receiver of events, by HTTP."""

    name: Annotated[
        str,
        Key(parse=_parse_name, missing="add what the log and the metrics call it", example='"crm"', taken=Uptake.LIVE),
    ]
    """What the log and the metrics call it."""
    url: Annotated[
        str,
        Key(
            parse=_parse_url,
            missing="add where events are posted to",
            example='"https://crm.example.org/splitter"',
            taken=Uptake.LIVE,
        ),
    ]
    """Where events are posted to. Its certificate is verified."""
    secret: Annotated[
        str,
        Key(
            secret=True,
            missing="add what they are signed with, such as from: openssl rand -hex 32",
            example='"change this example secret"',
            taken=Uptake.LIVE,
        ),
    ] = field(repr=False)
    """What events are signed with, at least 16 characters: openssl rand -hex 32"""
    events: Annotated[tuple[str, ...], Key(parse=_parse_event, unique=True, taken=Uptake.LIVE)] = ("call", "invitation")
    """What it is told: "call", every change of a call; "ended", the record of a call that is over; "notice", what desks
    are told; "desk", who is online; "snapshot", a still was taken; "invitation", a link that a caller is to get."""
    timeout_s: Annotated[float, Key(0.1, 60, taken=Uptake.LIVE)] = 5.0
    """How long an answer may take, and how often an event is tried, with pauses that double from 1 s to 300 s."""
    attempts: Annotated[int, Key(1, 1000, taken=Uptake.LIVE)] = 12
    queue: Annotated[int, Key(1, 100_000, taken=Uptake.LIVE)] = 5000
    """How many events wait for it at most; then the oldest give way."""
    ca: Annotated[str, Key(file=True, taken=Uptake.LIVE)] = ""
    """Authorities that its certificate must come from, a PEM file. Empty: those of the system."""
    insecure: Annotated[bool, Key(taken=Uptake.LIVE)] = False
    """Post to it by plain HTTP, where others can hear it."""
