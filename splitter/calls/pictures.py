"""The port to uploaded pictures, as calls need it: what may be shown instead of a camera. Pure."""

from __future__ import annotations

from typing import Protocol


class PictureSource(Protocol):
    """Where pictures are kept."""

    async def image(self, picture_id: str, call_id: str) -> bytes | None:
        """A picture (PNG or JPEG) that this call may show; None where there is none."""
        ...


class NoPictures:
    """A gateway that keeps none."""

    async def image(self, picture_id: str, call_id: str) -> bytes | None:
        return None
