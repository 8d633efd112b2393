"""The count of SIP messages, by network, direction and kind; on the path of each of them."""

from __future__ import annotations

from prometheus_client import Counter

from splitter.telemetry.metrics import SIP_MESSAGES

_BASIC = {"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER"}  # RFC 3261
_EXTENSIONS = {"UPDATE", "INFO", "PRACK", "REFER", "NOTIFY", "SUBSCRIBE", "MESSAGE", "PUBLISH"}
_METHODS = frozenset(_BASIC | _EXTENSIONS)
_message_counters: dict[tuple[str, str, str], Counter] = {}


def count_message(network: str, direction: str, method_or_status: str | int) -> None:
    """Count one SIP message.

    Args:
        network: our network's name.
        direction: "in" or "out".
        method_or_status: a request's method or a response's status. Unknown methods are counted as "other", so that a
            peer cannot make up labels.
    """
    if isinstance(method_or_status, int):
        kind = f"{method_or_status // 100}xx"
    else:
        kind = method_or_status if method_or_status in _METHODS else "other"
    key = (network, direction, kind)
    counter = _message_counters.get(key)
    if counter is None:  # labels() costs a lock and a string per label; a child is looked up once
        counter = _message_counters[key] = SIP_MESSAGES.labels(*key)
    counter.inc()
