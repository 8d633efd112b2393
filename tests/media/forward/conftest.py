"""A forwarder and who listens to it, for each test that asks for them."""

from __future__ import annotations

from tests.media.forward.scene import listener, scene

__all__ = ["listener", "scene"]
