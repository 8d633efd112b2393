"""The one tree of errors. Pure.

    SplitterError
    ├── LocalError              our own mistake: a caller broke a contract, or the configuration is wrong
    │   └── ConfigError         carries every problem found, not only the first
    ├── PeerError               the other side's mistake, with the SIP status it deserves
    └── MediaError              a media engine could not do what was asked
        ├── MediaUnavailable    no ports or no workers: 503 with Retry-After for voice, "no video" for video
        │   └── NoPorts         of ports: the range is too small for what goes on
        └── MediaTimeout        the engine did not answer within its bound

Parsers raise only PeerError.
"""

from __future__ import annotations

import msgspec

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""Errors of JSON that cannot be read, be it for its coding (GBK) or for lists in lists without end."""


class SplitterError(Exception):
    """Base of everything this project raises on purpose."""


class LocalError(SplitterError):
    """We broke a rule of our own: a bug or a wrong configuration, never something a peer can provoke."""


class ConfigError(LocalError):
    """The configuration cannot be used.

    Attributes:
        problems: one line each, naming file, line, key and remedy.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class PeerError(SplitterError):
    """The peer broke a rule of the protocol.

    Attributes:
        status: the SIP status code that answers it (RFC 3261 §21), e.g. 400 or 488.
        reason: the cause in plain words; goes to the log, the trace and, where useful, a Warning header.
    """

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class MediaError(SplitterError):
    """A media engine could not do what was asked."""


class MediaUnavailable(MediaError):
    """A lack of free ports, or of a live worker.

    Attributes:
        retry_after_s: what to put into Retry-After.
    """

    def __init__(self, reason: str, retry_after_s: int = 5) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class NoPorts(MediaUnavailable):
    """A lack of media ports: all of the range are in use, or what is left of it is kept for voice."""


class MediaTimeout(MediaError):
    """The engine did not answer within its bound."""
