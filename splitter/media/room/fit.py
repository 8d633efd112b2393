"""Whether a viewer can take the pictures of a stream. Pure."""

from __future__ import annotations

from splitter.media.room.lens import Shape
from splitter.sdp.h264 import family_of
from splitter.sdp.video import VideoFormat

_FAMILIES = frozenset(("constrained baseline", "baseline"))  # whoever agreed to one is sent the other in practice
_RESTLESS_S = 2.0  # a stream that grows too large again within so long has to wait as long
_TELLING_S = 1.0  # between two streams or sizes that are told not to fit


class Fit:
    """What a viewer can take of profiles, and what it was told that it cannot.

    Attributes:
        any_profile: the viewer decodes more profiles than the one that was agreed, as all browsers do.
        unfit: why the stream that was chosen is not shown; "" where it can be.
    """

    __slots__ = ("_refused", "_told_at", "any_profile", "unfit")

    def __init__(self) -> None:
        self.any_profile = False
        self.unfit = ""
        self._refused: tuple[str, Shape] | None = None  # which stream did not fit, and of which shape it was
        self._told_at = float("-inf")

    @property
    def refuses(self) -> bool:
        """Whether a stream was refused, and none has fitted since."""
        return self._refused is not None

    def refuse(self, name: str, shape: Shape, reason: str, now: float) -> bool:
        """Note that a stream does not fit. Returns: whether that is to be told."""
        if self._refused == (name, shape) or now - self._told_at < _TELLING_S:
            return False
        self._refused, self._told_at, self.unfit = (name, shape), now, reason
        return True

    def again(self) -> None:
        """Forget what did not fit: something else is chosen."""
        self._refused, self.unfit = None, ""


class Restless:
    """A stream whose pictures became too large for a viewer twice within a short time: it has to wait as long.

    Attributes:
        stream: it; None where there is none. It may be over.
    """

    __slots__ = ("_calm_at", "_grown_at", "stream")

    def __init__(self) -> None:
        self.stream: object = None
        self._grown_at = self._calm_at = float("-inf")

    def note(self, stream: object, now: float) -> None:
        """Note that the pictures of a stream became too large."""
        if now - self._grown_at < _RESTLESS_S:
            self.stream, self._calm_at = stream, now + _RESTLESS_S
        self._grown_at = now

    def keeps_out(self, stream: object, now: float) -> bool:
        """Whether a stream is not to be shown yet."""
        if stream is not self.stream:
            return False
        if now < self._calm_at:
            return True
        self.stream = None
        return False


def misfit(shape: Shape, wanted: VideoFormat | None, any_profile: bool) -> str:
    """Why pictures do not fit: their size (H.264 §A.3.1: MaxFS) or profile (RFC 6184 §8.2.2); "" if they do.

    Args:
        wanted: what was negotiated with the viewer; None before that.
        any_profile: the viewer decodes more profiles than the one that was agreed.
    """
    if wanted is None:
        return ""
    if shape.macroblocks > wanted.max_macroblocks:
        return (
            f"its picture of {shape.width}x{shape.height} has {shape.macroblocks} macroblocks, "
            f"the viewer's level allows {wanted.max_macroblocks}"
        )
    agreed = family_of(wanted.profile_level_id)
    if any_profile or shape.family in _FAMILIES or shape.family == agreed:
        return ""
    return f"its picture is of H.264 profile {shape.family!r}, {agreed!r} was agreed with the viewer"
