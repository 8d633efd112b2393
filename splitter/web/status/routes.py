"""The routes of the gateway itself."""

from __future__ import annotations

from splitter.web.access.scopes import (
    ADMIN,
    EVERYBODY,
    READ,
)
from splitter.web.http.routes import GoodAnswer, Operation, Query
from splitter.web.ports import GatewayStatus, Ports
from splitter.web.status import reloads, shapes
from splitter.web.status.gateway import GatewayRoutes
from splitter.web.status.lending import LOAN_BODY, LendingRoutes
from splitter.web.status.probes import Probes
from splitter.web.status.security import SecurityRoutes


def gateway_routes(ports: Ports) -> tuple[Operation, ...]:
    """The gateway: how it is doing, and what it is told to do."""
    gateway, security = GatewayRoutes(ports), SecurityRoutes(ports.security)
    status, trunks = GoodAnswer(200, "how it is", GatewayStatus), GoodAnswer(200, "the neighbours", shapes.TrunkList)
    desks, bans = GoodAnswer(200, "every desk", shapes.DeskList), GoodAnswer(200, "who is banned", shapes.BanList)
    lifted, reloaded = GoodAnswer(200, "it is", shapes.Lifted), GoodAnswer(200, "what has changed", reloads.Reloaded)
    drained = GoodAnswer(200, "it is so", reloads.Drained)
    dry = Query("dry_run", "1: only tell what would happen", "integer")
    restarting = GoodAnswer(200, "it does in a moment", shapes.Restarting)
    handing = GoodAnswer(200, "it does in a moment", shapes.HandingOver)
    nodes = GoodAnswer(200, "every one of them", shapes.Cluster)
    probes, lending = Probes(ports.status), LendingRoutes(ports.lender, ports.clock, ports.calls.end_test)
    lent = GoodAnswer(201, "it may call", shapes.Loan)
    return (
        Operation("GET", "/healthz", EVERYBODY, probes.live, hidden=True),
        Operation("GET", "/readyz", EVERYBODY, probes.ready, hidden=True),
        Operation("GET", "/v1/status", READ, gateway.status, "How the gateway is doing", (status,)),
        Operation("GET", "/v1/cluster", READ, gateway.cluster, "The gateways of this cluster", (nodes,)),
        Operation("GET", "/v1/trunks", READ, gateway.trunks, "The neighbours and their limits", (trunks,)),
        Operation("GET", "/v1/desks", READ, gateway.desks, "Desks and their video clients", (desks,)),
        Operation("GET", "/v1/bans", ADMIN, security.bans, "Sources that are banned", (bans,)),
        Operation("DELETE", "/v1/bans/{source:.+}", ADMIN, security.lift, "Lift a ban", (lifted,)),
        Operation(
            *("POST", "/v1/reload", ADMIN, security.reload, "Take what has changed in the configuration"),
            answers=(reloaded,),
            query=(dry,),
        ),
        Operation(
            *("POST", "/v1/test-calls", ADMIN, lending.lend, "Let a test caller in for a while", (lent,)),
            body=LOAN_BODY,
            faults=((422, "bad-source"), (422, "no-such-trunk"), (429, "too-many")),
        ),
        Operation("POST", "/v1/drain", ADMIN, security.drain, "Take no new calls; those that live go on", (drained,)),
        Operation("DELETE", "/v1/drain", ADMIN, security.fill, "Take new calls again", (drained,)),
        Operation("POST", "/v1/restart", ADMIN, security.restart, "Begin anew; calls go on", (restarting,)),
        Operation("POST", "/v1/hand-over", ADMIN, security.hand_over, "Give all calls to another host", (handing,)),
    )
