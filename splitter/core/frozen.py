"""Frozen dataclasses that are made cheaply. Pure.

Python sets each field of its own frozen dataclass by a call: one of six fields takes four times as long to make as one
that is not frozen, and a call needs hundreds. mypy holds that nobody changes a field, and in tests Python does, too.
See docs/decisions/0054-frozen-values.md.
"""

from __future__ import annotations

import sys
from dataclasses import Field, dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")

_CHECKED = "pytest" in sys.modules


@dataclass_transform(frozen_default=True, field_specifiers=(field, Field))
def frozen(cls: type[T]) -> type[T]:
    """Make a class a dataclass with slots whose values are compared, hashed, and never changed."""
    if _CHECKED:
        return dataclass(frozen=True, slots=True)(cls)
    return dataclass(slots=True, unsafe_hash=True)(cls)
