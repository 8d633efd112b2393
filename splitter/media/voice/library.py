"""Codecs of the library that decodes video too, as a mix uses them. No I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from splitter.sdp.voice import VoiceFormat

if TYPE_CHECKING:
    from splitter.media.voice.codecs import VoiceCodec


def makers() -> dict[str, Callable[[VoiceFormat], VoiceCodec]]:
    """Find those there are, by the name that SDP has for them."""
    return {}
