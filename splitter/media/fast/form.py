"""Which form of the short way a process has: the native one where it can be had, else Python's. Does I/O."""

from __future__ import annotations

import sys

import structlog

from splitter.media.fast.build import LIBRARY
from splitter.media.fast.native import NativeForm
from splitter.media.fast.plain import PlainForm
from splitter.media.fast.way import Form

log = structlog.get_logger(__name__)


def choose_form(native: bool = True) -> Form:
    """Load the native form, or say in Python's why that is not there.

    Args:
        native: it is wanted.
    """
    if not native:
        return PlainForm("the configuration says so")
    if sys.platform != "linux":
        return PlainForm(f"there is none for {sys.platform}")
    if not LIBRARY.exists():
        return PlainForm(f"{LIBRARY} was not built")
    try:
        return NativeForm(LIBRARY)
    except Exception as fault:  # a library of another machine, a binding without the functions: video goes on without
        log.warning("no native short way", reason=str(fault), library=str(LIBRARY))
        return PlainForm(f"it cannot be loaded: {fault}")
