"""What a refusal by the centre means: try the next route, or tell the caller what. Pure."""

from __future__ import annotations

# These say something about the person or the number; another route would not change it, and the caller should know.
_TOLD_AS_IS = frozenset({404, 410, 480, 484, 486, 600, 603, 604, 607, 608})
# These say that this centre, or the way to it, is out of order.
_OUT_OF_ORDER = frozenset({408, 430})

# What a side that refuses a re-INVITE may mean by it: it does not want this change, or not now.
_ABOUT_THE_OFFER = frozenset({415, 480, 486, 488, 491})

BUSY = frozenset({486, 600})


def tries_next_route(status: int) -> bool:
    """True where another route may succeed: no answer at all, or a failure of the server (RFC 3261 §21.5)."""
    return status in _OUT_OF_ORDER or 500 <= status <= 599


def tries_next_server(status: int) -> bool:
    """True where another server of the same trunk may succeed: this one is not there, or full (RFC 3263 §4.3)."""
    return status in _OUT_OF_ORDER or status == 503


def status_for_caller(status: int) -> int:
    """The status the caller gets for the centre's refusal.

    A 503 is never passed on, or the SBC would take us for dead and stop sending calls to this gateway at all. The same
    goes for what only concerns the two of us (401, 407, 481, 488 …): all of that is 480 for the caller.
    """
    return status if status in _TOLD_AS_IS else 480


def status_for_asker(status: int) -> int:
    """The status for a side that offered a change that the other side refused with `status`.

    What says that a peer is gone or broken (408, 481, 5xx …) never crosses: it would end the asker's leg as well. That
    is 500, which with Retry-After leaves the session as it was.
    """
    if status in _ABOUT_THE_OFFER:
        return status
    if status == 606:
        return 488
    return 603 if status >= 600 else 500


def outcome(status: int) -> str:
    """The label of `splitter_calls_total` for a call that was not answered."""
    if status == 487:
        return "cancelled"
    if status in BUSY:
        return "busy"
    if status in (408, 480):
        return "no-answer"
    return "failed" if status >= 500 else "refused"
