"""What answers about pictures look like in JSON."""

from __future__ import annotations

from msgspec import Struct

from splitter.web.ports import PictureView


class PictureList(Struct):
    """Stills that can be shown."""

    pictures: list[PictureView]
