"""The o= version of descriptions that change where flows see no change: in keys, in a transport. Pure."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Protocol

from splitter.sdp.model import Session
from splitter.sdp.write import write


class Spoken(Protocol):
    """Descriptions that a leg has said so far.

    Attributes:
        said: the latest description as it left, but for its o= line, as a digest; and the version that it had.
        ahead: so much is our o= version ahead of what flows count.
    """

    said: tuple[int, str]
    ahead: int


def written(spoken: Spoken, session: Session) -> bytes:
    """The description under an o= version that no other one has had (RFC 3264 §8)."""
    digest = sha256(write(replace(session, origin=replace(session.origin, version=0)))).hexdigest()
    version = session.origin.version + spoken.ahead
    if spoken.said[0] >= version and spoken.said[1] != digest:
        spoken.ahead += spoken.said[0] + 1 - version
        version = spoken.said[0] + 1
    spoken.said = version, digest
    return write(replace(session, origin=replace(session.origin, version=version)))
