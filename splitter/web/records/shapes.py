"""What requests and answers about ended calls look like in JSON."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from splitter.calls.after.detail import CallDetail


class RecordList(Struct):
    """Records of calls that ended, the newest first.

    `next`: give it as `before` for those that follow; null where there are none. `left_out`: rows that another version
    kept, which could not be read. `missing`: gateways that do not answer now; what ended there is not in the list.
    """

    records: list[CallDetail]
    next: float | None = None
    left_out: int = 0
    missing: tuple[str, ...] = ()


class WrapUpWish(Struct, forbid_unknown_fields=True):
    """A note on a call that is over: `disposition`: one of the configuration, empty for none;
    `screenshots`: numbers of those that are to be kept with the call, in addition to those that are."""

    note: Annotated[str, Meta(max_length=4000)] = ""
    disposition: Annotated[str, Meta(max_length=40)] = ""
    screenshots: Annotated[list[Annotated[int, Meta(ge=1, le=999_999)]], Meta(max_length=20)] = []
