"""The voice of a call as the media engine was told it: which relay, and where its sides point."""

from __future__ import annotations

from dataclasses import dataclass, field

from splitter.media.ports.ends import LocalEnd, RemoteEnd
from splitter.media.ports.voice import RelayHandle


@dataclass(slots=True)
class VoiceState:
    """The relay of one call; lists have an element for the caller's side and one for the centre's.

    Attributes:
        networks: that the sides lie in.
        relay: the one in use; None while one is being opened.
        local: our ports; the last ones while there is no relay.
        wanted: where each side is to point. pointed: where it does.
        heard: packets that had come from each side when they were last counted.
        failed_moves: how often in a row no relay could be had.
    """

    networks: tuple[str, str] = ("", "")
    relay: RelayHandle | None = None
    local: tuple[LocalEnd, ...] | None = None
    wanted: list[RemoteEnd | None] = field(default_factory=lambda: [None, None])
    pointed: list[RemoteEnd | None] = field(default_factory=lambda: [None, None])
    heard: list[int] = field(default_factory=lambda: [0, 0])
    failed_moves: int = 0
