"""PlainWire under the name that programs beside the gateway know; it is `splitter.media.wire.plain`."""

from splitter.media.wire.plain import PlainWire

__all__ = ["PlainWire"]
