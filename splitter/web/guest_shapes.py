"""What requests and answers of guests' pages look like in JSON."""

from __future__ import annotations

from msgspec import Struct

from splitter.calls.states import CameraState


class CameraTold(Struct, forbid_unknown_fields=True):
    """The state of a browser's own camera."""

    state: CameraState
