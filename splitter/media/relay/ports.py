"""PortPairs under the name that programs beside the gateway know; they are `splitter.media.wire.pairs`."""

from splitter.media.wire.pairs import PortPairs

__all__ = ["PortPairs"]
