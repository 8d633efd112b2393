"""What a step may know of a leg: its record, and what the leg tells of what is under way. Pure.

A leg of today tells them itself (`legs.leg.Leg`); whoever writes a step reads them here and acts by commands.
"""

from __future__ import annotations

from typing import Protocol

from splitter.calls.settings import Trunk
from splitter.calls.states import LegState
from splitter.calls.talk.leg import LegRecord
from splitter.calls.talk.terms import Terms
from splitter.core.net import Flow


class LegFacts(Protocol):
    """One leg of a call.

    Attributes:
        record: all that is needed to carry its dialog on.
        name: "caller", "centre" or "seat-1" …; key: unique in the call.
        trunk, flow, sip_call_id: where its peer is, and the dialog.
        state: early, confirmed or ended.
        allows: methods of the peer's Allow; empty while unknown. takes_info: INFO can be sent now.
        terms: what was agreed on, which steps commit.
        settled: no INVITE of either side is in progress. offering: an offer of ours is under way.
    """

    @property
    def record(self) -> LegRecord: ...

    @property
    def name(self) -> str: ...

    @property
    def key(self) -> str: ...

    @property
    def trunk(self) -> Trunk: ...

    @property
    def flow(self) -> Flow: ...

    @property
    def sip_call_id(self) -> str: ...

    @property
    def state(self) -> LegState: ...

    @property
    def allows(self) -> frozenset[str]: ...

    @property
    def takes_info(self) -> bool: ...

    @property
    def terms(self) -> Terms: ...

    @property
    def settled(self) -> bool: ...

    @property
    def offering(self) -> bool: ...
