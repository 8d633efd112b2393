"""The nodes of a cluster, as they show themselves to each other. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node. Times are seconds since the Unix epoch.

    Attributes:
        api_url: where its API is reached; empty where it has none.
        certificate: SHA-256 of the certificate that it shows there, in hexadecimal; empty where authorities vouch.
        host: that holds its lease; empty where none does.
        state: "active", "alone" (Valkey is away, so that nothing is protected), "draining" or "away".
        standby: hosts that would go on in its place.
        fence: how often its lease has changed hands.
        calls: that it carries.
        version: of its program.
        said_at: when it was heard last.
        lag_s: how long the oldest record waits that Valkey has not got; 0.0 where none does.
        at_risk: calls whose last change would be lost if its host died now.
    """

    node: str
    api_url: str = ""
    certificate: str = ""
    host: str = ""
    state: str = "away"
    standby: tuple[str, ...] = ()
    fence: int = 0
    calls: int = 0
    version: str = ""
    said_at: float = 0.0
    lag_s: float = 0.0
    at_risk: int = 0


class Directory(Protocol):
    """A list of the nodes that there are; what it says may be a moment old."""

    def nodes(self) -> tuple[NodeView, ...]:
        """Every node, this one among them, by name."""
        ...

    def say(self, view: NodeView) -> None:
        """Say this of our own node from now on."""
        ...

    def start(self, limit_s: float) -> None:
        """Begin to look; waits until it is known once which nodes there are, but no longer than this."""
        ...

    def stop(self) -> None:
        """Look no longer."""
        ...


@dataclass(frozen=True, slots=True)
class KnownNodes:
    """A directory of nodes that somebody named."""

    known: tuple[NodeView, ...] = ()

    def nodes(self) -> tuple[NodeView, ...]:
        return self.known

    def say(self, view: NodeView) -> None:
        """Say nothing: nobody hears it."""

    def start(self, limit_s: float) -> None:
        """Look for nothing."""

    def stop(self) -> None:
        """Do nothing."""
