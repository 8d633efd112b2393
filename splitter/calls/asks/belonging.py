"""Asks of whose call it is, and who may come into it. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

from splitter.sdp.video import Limits as Limits


@dataclass(frozen=True, slots=True)
class Bind:
    """CTI (or a client that names the call) says whose extension has the call; "" takes it back. → None"""

    extension: str
    by: str


@dataclass(frozen=True, slots=True)
class HandOver:
    """The host makes another desk the host, which is in the picture; or (`takes`) a supervisor becomes it. → None

    The former host stays where it is, and may come back.
    """

    extension: str
    by: str
    takes: bool = False


@dataclass(frozen=True, slots=True)
class AskIn:
    """A desk asks to be let into a call that is another desk's. → None once the question is put; see `consent`."""

    extension: str
    by_rule: bool = False


@dataclass(frozen=True, slots=True)
class Admit:
    """Let the desk of this extension into the call, whether it has asked or not. → None"""

    extension: str
    by: str


@dataclass(frozen=True, slots=True)
class Dismiss:
    """Say no to a desk that asks to be let in, or take that back; `own`: it is the asker who does. → None"""

    extension: str
    by: str
    own: bool = False
