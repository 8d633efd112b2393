"""Text that strangers wrote, made harmless. Pure."""

from __future__ import annotations

import re

# Controls of both sets (ECMA-48), what turns the direction of writing or ends a line (Unicode), halves of characters.
ACTING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def plain(text: str) -> str:
    """The text as one line that only shows itself: what would act on a terminal or a page is written as an escape."""
    return text if text.isprintable() else ACTING.sub(lambda found: ascii(found[0])[1:-1], text)
