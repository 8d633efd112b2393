"""The SIP stacks that can be the lab's voice centre, and which of them are installed. Does I/O: it loads a library."""

from __future__ import annotations

import ctypes
import importlib.util
import os
from enum import StrEnum

SOFIA_LIBRARY = "libsofia-sip-ua.so.0"
REMEDY = (
    "the lab's voice centre needs a SIP stack of others: Debian's and Ubuntu's package libsofia-sip-ua0 "
    "(libsofia-sip-ua0t64 in newer releases), or, with Python 3.11 or 3.12, pip install 'splitter[lab]'"
)


class Stack(StrEnum):
    """A SIP stack of others; the first one that is there is the usual one."""

    PJSUA2 = "pjsua2"
    SOFIA = "sofia"


def usual() -> Stack | None:
    """The stack to use: what $SPLITTER_CENTRE names, otherwise the first that is there; None if there is none."""
    wanted, there = os.environ.get("SPLITTER_CENTRE", ""), installed()
    if wanted:
        return next((stack for stack in there if stack == wanted), None)
    return next(iter(there), None)


def installed() -> tuple[Stack, ...]:
    """The stacks that can be used here."""
    found = []
    if importlib.util.find_spec("pjsua2") is not None:
        found.append(Stack.PJSUA2)
    try:
        ctypes.CDLL(SOFIA_LIBRARY)
        found.append(Stack.SOFIA)
    except OSError:
        pass
    return tuple(found)
