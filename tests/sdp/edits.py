"""Changes that tests make to descriptions, as a peer that writes them otherwise."""

from __future__ import annotations

from dataclasses import replace

from splitter.sdp.model import Attribute, Media


def replace_attributes(media: Media, name: str, *values: str | None) -> Media:
    """A copy where all attributes `name` gave way to these, at the place of the first one (else at the end)."""
    new = [Attribute(name, value) for value in values]
    kept: list[Attribute] = []
    place = -1
    for item in media.attributes:
        if item.name != name:
            kept.append(item)
        elif place < 0:
            place = len(kept)
    place = len(kept) if place < 0 else place
    return replace(media, attributes=(*kept[:place], *new, *kept[place:]))
