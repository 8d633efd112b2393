"""The caller's video as it stands: whether it runs, the line that we would offer for it, what desks are shown of it."""

from __future__ import annotations

from dataclasses import replace

from splitter.calls.call import Call
from splitter.core.errors import PeerError
from splitter.sdp.model import Media
from splitter.sdp.upgrade import new_line, video_slot
from splitter.sdp.video import offer_video


class CallerVideo:
    """That of one answered call.

    Attributes:
        line: ours, as it was last offered or agreed on; its payload types keep their meaning.
        index: where it stands.
    """

    def __init__(self, call: Call) -> None:
        self._call = call
        self.line: Media | None = None
        self.index: int | None = None

    @property
    def runs(self) -> bool:
        """Video is on in what both sides said last."""
        call, leg = self._call, self._call.caller
        if call.plan is None or leg.local is None or leg.remote is None or (index := call.plan.video) is None:
            return False
        lines = (leg.local.media[index : index + 1], leg.remote.media[index : index + 1])
        return all(found and found[0].port for found in lines)

    def remember(self) -> None:
        """Our line while it runs: the next offer of video repeats it."""
        call, leg = self._call, self._call.caller
        if self.runs:
            assert call.plan is not None and leg.local is not None
            self.index = call.plan.video
            self.line = leg.local.media[self.index] if self.index is not None else None

    def to_offer(self) -> tuple[int, Media]:
        """Where a line of video goes in our next offer, and the line.

        Raises:
            PeerError: 503 where there is no room for it.
        """
        call, leg = self._call, self._call.caller
        assert leg.local is not None and leg.remote is not None
        index, local = video_slot(leg.local, leg.remote, self.index), call.video.local("caller")
        if local is None:
            raise PeerError("no media resources for video", 503)
        if self.line is not None and self.index == index:
            return index, offer_video(self.line, local)
        return index, new_line(index, local, call.services.settings.bitrate_kbps, leg.history, leg.heard)

    def show(
        self, state: str, outcome: str | None = None, reason: str | None = None, supported: bool | None = None
    ) -> None:
        """Keep the call's VideoView; None leaves a field as it is."""
        before = self._call.video_state
        after = replace(
            before,
            state=state,
            outcome=before.outcome if outcome is None else outcome,
            reason=before.reason if reason is None else reason,
            supported=before.supported if supported is None else supported,
        )
        if after != before:
            self._call.video_state = after
            self._call.tell()
