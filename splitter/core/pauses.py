"""How long to wait before the next attempt: a pause that doubles, and the one that a peer asks for. Pure."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from math import inf


def doubled_s(first_s: float, most_s: float, tries: int, chance: float = 0.0) -> float:
    """Seconds to wait after some attempts that failed.

    Args:
        tries: attempts before this pause that were one too many; 0 for the first pause.
        chance: from 0 to 1; up to half of the pause is taken off by it, so that not all come back at once.
    """
    whole_s = min(most_s, first_s * 2.0 ** min(max(tries, 0), 60))
    return whole_s * (1 - chance / 2)


def retry_after_s(value: str | None, most_s: float = inf, wall: float | None = None) -> float | None:
    """Seconds of a Retry-After header (RFC 3261 §20.33, RFC 9110 §10.2.3); None where it cannot be read.

    Args:
        value: the header; a comment and parameters, as SIP has them, are passed over.
        most_s: longer waits are cut to this: peers ask for days by mistake or malice.
        wall: Unix seconds, where the header may be a date, as in HTTP.
    """
    text = value or ""
    seconds = text.partition(";")[0].partition("(")[0].strip()
    if seconds.isascii() and seconds.isdigit():
        return min(float(seconds[:9]), most_s)
    if wall is None:
        return None
    try:
        return min(max(0.0, parsedate_to_datetime(text.strip()).timestamp() - wall), most_s)
    except (ValueError, TypeError, OverflowError):
        return None
