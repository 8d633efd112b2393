"""An uploaded picture, decoded for being shown. Pure; takes tens of milliseconds and is called in a thread."""

from __future__ import annotations

import numpy as np

from splitter.core.images import read_image
from splitter.media.slate.draw import Picture

_SIDE = 640  # pixels; no still is larger


def decode(image: bytes) -> Picture:
    """Decode a PNG or JPEG file and scale it to what stills need.

    Raises:
        PeerError: as `read_image` says.
    """
    return np.asarray(read_image(image, _SIDE))
