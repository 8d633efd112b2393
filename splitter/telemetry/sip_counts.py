"""The count of SIP messages, by network, direction and kind; on the path of each of them."""

from __future__ import annotations

from splitter.telemetry.metrics import SIP_MESSAGES
from splitter.telemetry.tally import Tally

_BASIC = {"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER"}  # RFC 3261
_EXTENSIONS = {"UPDATE", "INFO", "PRACK", "REFER", "NOTIFY", "SUBSCRIBE", "MESSAGE", "PUBLISH"}
_METHODS = frozenset(_BASIC | _EXTENSIONS)
_message_counters: dict[tuple[str, str, str | int], Tally] = {}


def count_message(network: str, direction: str, method_or_status: str | int) -> None:
    """Count one SIP message.

    Args:
        network: our network's name.
        direction: "in" or "out".
        method_or_status: a request's method or a response's status. Unknown methods are counted as "other", so that a
            peer cannot make up labels.
    """
    counter = _message_counters.get((network, direction, method_or_status))
    if counter is None:
        counter = _counter_of(network, direction, method_or_status)
    counter.amount += 1


def _counter_of(network: str, direction: str, method_or_status: str | int) -> Tally:
    """The counter of such messages, which is looked up again only for methods that a peer made up."""
    if isinstance(method_or_status, str) and method_or_status not in _METHODS:
        return SIP_MESSAGES.of(network, direction, "other")
    kind = method_or_status if isinstance(method_or_status, str) else f"{method_or_status // 100}xx"
    counter = _message_counters[network, direction, method_or_status] = SIP_MESSAGES.of(network, direction, kind)
    return counter
