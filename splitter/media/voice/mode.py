"""Whether a relay copies or mixes: what its sides speak and may hear decides. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from splitter.core.errors import MediaUnavailable
from splitter.media.ports.ends import RemoteEnd
from splitter.media.ports.voice import Hearing, Hears
from splitter.sdp.voice import VoiceFormat


class RelayMode(StrEnum):
    """How a relay works."""

    COPIES = "copies"
    MIXES = "mixes"


def mode_of(
    pointed: Mapping[int, RemoteEnd], hearing: Hearing, mixed_before: bool, can_mix: Callable[[VoiceFormat], bool]
) -> RelayMode:
    """Say how a relay is to work.

    Args:
        pointed: the sides that are there and point somewhere, by number.
        mixed_before: it has mixed once: its sides have agreed with us since, and not with each other. Nor have those
            with each other who were added.
    Raises:
        MediaUnavailable: it has to mix, and cannot: the reason names the side.
    """
    if len(pointed) < 2 or (len(pointed) == 2 and _free(pointed, hearing) and _alike(pointed, mixed_before)):
        return RelayMode.COPIES
    for number, remote in pointed.items():
        if remote.voice is None:
            raise MediaUnavailable(f"side {number} cannot be mixed: nobody said what it speaks")
        if not can_mix(remote.voice):
            raise MediaUnavailable(f"side {number} cannot be mixed: it speaks {remote.voice.encoding}")
    return RelayMode.MIXES


def _free(pointed: Mapping[int, RemoteEnd], hearing: Hearing) -> bool:
    """Whether each of them hears all others."""
    return all(set(pointed) - {one.side} <= one.voices for one in hearing if one.side in pointed)


def _alike(pointed: Mapping[int, RemoteEnd], mixed_before: bool) -> bool:
    """Whether what one of two says can be sent to the other as it is."""
    if not mixed_before and max(pointed) < 2:
        return True
    one, other = (remote.voice for remote in pointed.values())
    if one is None or other is None:
        return True
    return (one.encoding, one.clock_rate, one.channels, one.fmtp) == (
        other.encoding,
        other.clock_rate,
        other.channels,
        other.fmtp,
    )


def among(hearing: Hearing, there: set[int]) -> Hearing:
    """Leave out of who hears whom the sides that are not there; the last word on each side counts, in their order."""
    last = {one.side: one for one in hearing if one.side in there}
    return tuple(
        Hears(
            side,
            one.voices & (there - {side}),
            None if one.digits is None else one.digits & (there - {side}),
        )
        for side, one in sorted(last.items())
    )
