"""The stacks that the lab's centre is tried on: each that can be had for this Python. A missing one is a failure."""

from __future__ import annotations

import sys

import pytest

from splitter.lab.centre.stacks import REMEDY, Stack, installed

_NO_WHEEL = pytest.mark.skipif(sys.version_info >= (3, 13), reason="pjsua2 has no wheel for this Python")

STACKS = [pytest.param(stack, marks=_NO_WHEEL if stack is Stack.PJSUA2 else ()) for stack in Stack]


def must_be_there(stack: Stack) -> Stack:
    """The stack, if it is installed."""
    assert stack in installed(), f"{stack}: {REMEDY}; or run `make peers`"
    return stack
