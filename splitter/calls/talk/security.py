"""The keys that a leg has told its peer in SDP (RFC 4568), as plain data: another process goes on with them. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from splitter.sdp.model import Media, Session


@dataclass(slots=True)
class LineSecurity:
    """One m-line of a leg.

    Attributes:
        kind: "audio" or "video"; "" before that is known.
        spent: its media were lost, and with them the account of what was encrypted: no key of ours is used again.
        asked: the transport protocol in the latest description of the peer; "" before there is one.
        tag, suite: of the a=crypto that we take there; 0 and "" where its packets are plain.
        theirs: the peer's latest key.
        ours: of each suite that was told the peer.
        secure: it runs over RTP/SAVP, ours or the peer's wish; else keys stand beside a plain profile, if any do.
    """

    kind: str = ""
    spent: bool = False
    asked: str = ""
    tag: int = 0
    suite: str = ""
    theirs: bytes = field(default=b"", repr=False)
    ours: dict[str, bytes] = field(default_factory=dict, repr=False)
    secure: bool = False


@dataclass(slots=True)
class LegKeys:
    """All lines of a leg.

    Attributes:
        said: the latest description as it left, but for its o= line, as a digest; and the version that it had.
        ahead: so much is our o= version ahead of what flows count: keys change where nothing else does.
        refused: the peer has refused an offer that had keys beside a plain profile; it gets none.
    """

    lines: list[LineSecurity] = field(default_factory=list)
    said: tuple[int, str] = (0, "")
    ahead: int = 0
    refused: bool = False

    @property
    def optional(self) -> bool:
        """Whether an offer may have keys beside a plain profile: nothing is known of the peer yet, or it takes them."""
        if any(one.suite for one in self.lines):
            return True
        return not self.refused and not any(one.asked for one in self.lines)

    def line(self, index: int, kind: str) -> LineSecurity:
        """One line; made where it was not there."""
        while len(self.lines) <= index:
            self.lines.append(LineSecurity())
        self.lines[index].kind = kind
        return self.lines[index]

    def spend(self, kind: str, agreed: Session | None) -> None:
        """Use none of our keys again that were told for media of this kind.

        Args:
            agreed: the peer's description in force. What it has said since, and was refused, has changed the lines.
        """
        in_force = [media.keys is not None for media in agreed.media] if agreed is not None else []
        for index, line in enumerate(self.lines):
            used = bool(line.suite) or (index < len(in_force) and in_force[index])
            line.spent |= line.kind == kind and used

    @property
    def spent(self) -> bool:
        """Whether the peer has to be told new ones."""
        return any(line.spent for line in self.lines)


def is_silent(session: Session | None) -> bool:
    """Whether a stream of a peer's description waits for new keys of ours: nothing is sent there until it has them."""
    return session is not None and any(media.keys is not None and not media.keys.ours for media in session.media)


def without_our_keys(session: Session | None, kinds: Iterable[str]) -> Session | None:
    """A peer's description whose media were lost: what comes is still to be read, and nothing is sent by old keys."""
    if session is None or not any(media.keys for media in session.media):
        return session
    return replace(session, media=tuple(_spent(media) if media.kind in kinds else media for media in session.media))


def _spent(media: Media) -> Media:
    return media if media.keys is None else replace(media, keys=media.keys.receiving)
