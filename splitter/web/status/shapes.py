"""What requests and answers about the gateway itself look like in JSON."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from splitter.calls.desks import DeskView
from splitter.calls.logins.reception import SeatView
from splitter.calls.view import TrunkView
from splitter.cluster.nodes import NodeView
from splitter.web.shapes import Name


class Cluster(Struct):
    """The gateways that stand in for each other. `node`: the one that answers; empty where it is the only one."""

    node: str
    nodes: list[NodeView]


class DeskList(Struct):
    """Desks with their clients, and the registrations of those that are SIP phones."""

    desks: list[DeskView]
    registrations: list[SeatView]


class TrunkList(Struct):
    """The trunks, in the order of the configuration."""

    trunks: list[TrunkView]


class BanView(Struct):
    """A source that is banned, and for how long yet."""

    source: str
    reason: str
    offences: int
    expires_in_s: float


class BanList(Struct):
    """The sources that are banned."""

    bans: list[BanView]


class Lifted(Struct):
    """The source whose ban was lifted."""

    source: str


class Restarting(Struct):
    """What happens to the calls meanwhile."""

    restarting: str


class HandingOver(Struct):
    """Answer to a hand-over: what happens to the calls meanwhile."""

    handing_over: str


class LoanWish(Struct, forbid_unknown_fields=True):
    """A test caller that is to be let in on a trunk, `for_s`: so many seconds; `source`: its SIP, over UDP."""

    source: Annotated[str, Meta(max_length=64)]
    trunk: Name
    for_s: Annotated[float, Meta(gt=0, le=600)] = 60.0


class Loan(Struct):
    """A test caller that may call; `until`: Unix seconds."""

    trunk: str
    source: str
    until: float
