"""The kinds of legs there are."""

from __future__ import annotations

from typing import TypeAlias

from splitter.calls.legs.browser import WebLeg
from splitter.calls.legs.leg import SipLeg

AnyLeg: TypeAlias = SipLeg | WebLeg
"""A leg, whatever its peer speaks."""
