"""Tests look at what the product does: they do not reach into what is private to one of its objects."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent
OUTSIDE = re.compile(r"(?<!self)(?<!cls)(?<!super\(\))\._[a-z]", re.IGNORECASE)

_ASYNCIO = "the virtual event loop is one of asyncio's: it takes part in its own affairs"
_PEER = "a browser's ICE and DTLS are aioice and aiortc, bent to do what they have no word for"
_COUNTED = "how often it is done shows nowhere else"
ALLOWED = {
    "_replace": "a named tuple's own, public in spite of its name",
    "_create_unverified_context": "of ssl: the only way to ask nothing of a certificate",
    "_response": "of aiohttp: the connection that is torn",
    **dict.fromkeys(("_get_running_loop", "_set_running_loop", "_scheduled", "_callback"), _ASYNCIO),
    **dict.fromkeys(("_local_username", "_local_password", "_network_host", "_protocol", "_protocols"), _PEER),
    **dict.fromkeys(("_check_list", "_recv", "_recv_next", "_send_rtp", "_set_role", "_srtp_profiles"), _PEER),
    "_tx_srtp": _PEER,
    **dict.fromkeys(("_decode", "_encode", "_limit_sources"), _COUNTED),
    **dict.fromkeys(("_before", "_forget"), "the time of a real wire is moved on by hand"),
    **dict.fromkeys(("_pool", "_supervisors"), "which ports rest, and who draws, is the supervisors' own affair"),
    **dict.fromkeys(("_send", "_ask_consent", "_asked_at"), "consent is asked for every five seconds: no test waits"),
    **dict.fromkeys(("_feedback", "_reported_at"), "when a report is due shows only once it is sent"),
    **dict.fromkeys(("_far", "_fire"), "how few timers the event loop is given shows nowhere else"),
    "_heap": "what is due is compared with all that is set",
    "_protected_args": "of click: the words that a group has left for its commands",
    "_own": "a number is left out in the middle of a stream, as if a frame were lost",
    **dict.fromkeys(("_look", "_feeds"), "neighbours are looked for every few seconds, and a test does not wait"),
    "_choose": "chance is led, so that two short links come out alike",
    "_carrier": "which way of sending is in use after a reload shows in nothing that a test could receive",
    "_context": "the world has no TCP by which the way that is chosen would show",
    "_sequence": "two thousand million requests would have to be sent to come to the last number",
}


@cache
def _reaches() -> Counter[str]:
    """Attributes with a leading underscore of something other than self or cls, by name, with the first place."""
    found: Counter[str] = Counter()
    for path in sorted(ROOT.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if not OUTSIDE.search(text):  # most files, which need not be parsed
            continue
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.Attribute) or not node.attr.startswith("_") or node.attr.startswith("__"):
                continue
            owner = ast.unparse(node.value)
            if owner not in ("self", "cls", "super()"):
                found[f"{path.relative_to(ROOT)}:{node.lineno} {owner}.{node.attr}"] += 1
    return found


class TestPrivates:
    def test_are_left_alone(self) -> None:
        assert [place for place in _reaches() if place.rpartition(".")[2] not in ALLOWED] == []

    def test_what_is_allowed_is_still_needed(self) -> None:
        needed = {place.rpartition(".")[2] for place in _reaches()}
        assert [name for name in ALLOWED if name not in needed] == []
