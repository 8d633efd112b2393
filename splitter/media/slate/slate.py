"""The slate: what is shown while there is no picture. Encoded once per size, then only repeated."""

from __future__ import annotations

import structlog

from splitter.media.settings import MediaSettings
from splitter.media.slate import chinese
from splitter.media.slate.draw import Picture, draw, font_for, letterbox, load
from splitter.media.slate.encode import encode
from splitter.media.slate.still import Still
from splitter.sdp.video import VideoFormat

log = structlog.get_logger(__name__)

DEFAULT_TEXT: str = MediaSettings().slate_text
SEAT_TEXT = "Waiting for the caller's picture"

# Only these sizes are made, whatever SDP asks for: a bound on memory and on time spent encoding.
_PORTRAIT = ((480, 640), (360, 640), (288, 352), (240, 320), (144, 176))
_SIZES = _PORTRAIT + tuple((height, width) for width, height in _PORTRAIT)
_UNASKED = ((480, 640), (240, 320), (144, 176))
_NARROW_KBPS = 200  # below this a large picture would take seconds to get through


class Slate:
    """All forms of the slate. Make it with `render`; `complete` may run in another thread.

    Args:
        text: for the caller. What no font here can draw is replaced by the default text, with a warning.
        picture: shown to the caller instead of the built-in slate.
    """

    def __init__(self, text: str = DEFAULT_TEXT, picture: Picture | None = None) -> None:
        if picture is None and font_for(text, 24) is None:
            log.warning(
                "no font has all characters of media.slate_text: the default text is shown; "
                "install a font such as Noto Sans CJK, or set media.slate_picture",
                slate_text=text,
            )
            text = DEFAULT_TEXT
        self._text = text
        self._picture = picture
        self._stills: dict[tuple[int, int, bool], Still] = {}

    @classmethod
    def render(cls, text: str = DEFAULT_TEXT, picture_path: str = "", width: int = 480, height: int = 640) -> Slate:
        """Draw and encode the usual forms; takes some tenths of a second.

        Args:
            picture_path: a picture file to show to callers instead; "" for the built-in slate.
            width, height: the form to have ready.
        Raises:
            ConfigError: the picture file cannot be used.
        """
        slate = cls(text, load(picture_path) if picture_path else None)
        for for_seat in (False, True):
            for size in {(width, height), *_UNASKED}:
                slate._encoded(*size, for_seat)
        return slate

    def complete(self) -> None:
        """Encode every form that may be asked for; in a thread, so that no voice waits when one is."""
        for for_seat in (False, True):
            for size in {*_SIZES, *_UNASKED}:
                self._encoded(*size, for_seat)

    def picture(self, width: int, height: int, for_seat: bool = False) -> Picture:
        """The slate as a picture."""
        if for_seat:
            return draw(width, height, SEAT_TEXT, chinese.WAITING_FOR_CALLER)
        if self._picture is not None:
            return letterbox(self._picture, width, height)
        return draw(width, height, self._text, chinese.PLEASE_HOLD if self._text == DEFAULT_TEXT else "")

    def still(self, negotiated: VideoFormat, for_seat: bool = False) -> Still:
        """The slate for what a peer can receive: its level, and its size as far as that is one we make.

        Args:
            for_seat: the agent waits for the caller's picture, not the other way round.
        """
        return self._encoded(*size_for(negotiated), for_seat)

    def _encoded(self, width: int, height: int, for_seat: bool) -> Still:
        key = (width, height, for_seat)
        still = self._stills.get(key)
        if still is None:
            still = self._stills[key] = encode(self.picture(width, height, for_seat))
        return still


def size_for(negotiated: VideoFormat, landscape: bool = False) -> tuple[int, int]:
    """The largest size we make within what the peer asked for, its level, and its bit rate.

    Args:
        landscape: how to lay the picture where the peer asked for no size.
    """
    asked = negotiated.size
    unasked = tuple((height, width) for width, height in _UNASKED) if landscape else _UNASKED
    sizes = unasked if asked is None else _SIZES
    for width, height in sorted(sizes, key=lambda size: size[0] * size[1], reverse=True):
        if -(-width // 16) * -(-height // 16) > negotiated.max_macroblocks:
            continue
        if negotiated.bitrate_kbps < _NARROW_KBPS and width * height > 320 * 240:
            continue
        if asked is None or (width <= asked[0] and height <= asked[1] and (width > height) == (asked[0] > asked[1])):
            return width, height
    lying = landscape if asked is None else asked[0] > asked[1]
    return (176, 144) if lying else (144, 176)
