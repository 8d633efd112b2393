"""Sources that misbehave: points for each abuse, a ban with an end. Pure: time is an argument.

Points fade with time, so that a neighbour with a rare fault never gets there and a scanner soon does. A ban costs the
source everything but silence: its datagrams and connections are dropped before anything is read of them.

UDP sources can be forged: whoever forges them could have somebody else banned. So the addresses of neighbours are
spared, unless the operator has said of a trunk that its peers may be banned (clients on the internet, say).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

POINTS = {
    "authentication": 5,  # a wrong password or a replayed nonce
    "flood": 5,  # more connections, handshakes or messages than one source may have
    "oversize": 5,
    "slow": 5,  # a message or handshake that trickles
    "malformed": 2,
    "handshake": 2,  # no TLS, or none that we agree on
    "not-sip": 2,  # a connection that ended without one SIP message; HTTP where WebSocket is spoken
    "guess": 2,  # a call that is not there
    "foreign-dialog": 2,  # a request in a dialog of another peer
    "foreign-page": 0,  # of another site, in the browser of somebody who may be a seat
    "unknown-source": 1,
}
"""Reasons of abuse, and what each costs."""

IpNetwork: TypeAlias = IPv4Network | IPv6Network
EVERYBODY: tuple[IpNetwork, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))


@dataclass(frozen=True, slots=True)
class Ban:
    """One banned source.

    Attributes:
        source: an IPv4 address, or an IPv6 network of 64 bits: whoever has one address of it has them all.
        reason: of the abuse that was the last straw.
        offences: how many there were since the source had no points.
        until: in the seconds of the clock that was handed in.
    """

    source: str
    reason: str
    offences: int
    until: float


@dataclass(slots=True)
class _Score:
    points: float
    offences: int
    at: float


class Bans:
    """Scores and bans of all sources.

    Args:
        ban_after: points that get a source banned; 0 for never.
        window_s: the time in which that many points fade.
        ban_s: how long a ban lasts.
        spared: addresses that are never banned.
        most: how many scores, and how many bans, are kept; the oldest give way.
    """

    def __init__(
        self, ban_after: int, window_s: float, ban_s: float, spared: Iterable[IpNetwork] = (), most: int = 10_000
    ) -> None:
        self._ban_after = ban_after
        self._fading = ban_after / window_s
        self._ban_s = ban_s
        self._spared: list[IpNetwork] = list(spared)
        self._most = most
        self._scores: OrderedDict[str, _Score] = OrderedDict()
        self._bans: OrderedDict[str, Ban] = OrderedDict()  # all last equally long: the first ends first
        self._known: dict[str, tuple[str, bool]] = {}

    def spare_only(self, networks: Iterable[IpNetwork]) -> None:
        """Never ban these addresses, and no others."""
        self._spared = []
        self._known.clear()
        for network in networks:
            self.spare(network)

    def spare(self, network: IpNetwork) -> None:
        """Never ban these addresses from now on: a neighbour's name has resolved to them."""
        if network not in self._spared:
            self._spared.append(network)
            self._known.clear()
            for source, ban in list(self._bans.items()):
                if _overlaps(source, network):
                    del self._bans[ban.source]

    def spares(self, host: str) -> bool:
        """True for an address that is never banned."""
        return self._look(host)[1]

    def source(self, host: str) -> str:
        """What an address is counted as: itself, or the 64 bits that it begins with (IPv6)."""
        return self._look(host)[0]

    def offend(self, host: str, reason: str, now: float) -> Ban | None:
        """Note an abuse by a source address.

        Args:
            reason: one of POINTS; others cost a point.
        Returns: the ban, where this was one too many.
        """
        source, spared = self._look(host)
        if spared or not self._ban_after or source in self._bans:
            return None
        score = self._scores.setdefault(source, _Score(0.0, 0, now))
        score.points = max(0.0, score.points - (now - score.at) * self._fading)
        score.offences = score.offences + 1 if score.points else 1
        score.points += POINTS.get(reason, 1)
        score.at = now
        self._scores.move_to_end(source)
        if len(self._scores) > self._most:
            self._scores.popitem(last=False)
        if score.points < self._ban_after:
            return None
        self._scores.pop(source, None)
        ban = self._bans[source] = Ban(source, reason, score.offences, now + self._ban_s)
        if len(self._bans) > self._most:
            self._bans.popitem(last=False)
        return ban

    def holds(self, host: str, now: float) -> bool:
        """True while the source is banned."""
        if not self._bans:
            return False
        ban = self._bans.get(self._look(host)[0])
        if ban is None or now < ban.until:
            return ban is not None
        del self._bans[ban.source]
        return False

    def list(self, now: float) -> list[Ban]:
        """The bans, the one that ends first first."""
        while self._bans and next(iter(self._bans.values())).until <= now:
            self._bans.popitem(last=False)
        return [*self._bans.values()]

    def lift(self, host: str) -> bool:
        """End a ban; False where there is none. `host` is an address, or a source as `list` shows it."""
        source = self._look(host.partition("/")[0])[0]
        self._scores.pop(source, None)
        return self._bans.pop(source, None) is not None

    def __len__(self) -> int:
        return len(self._bans)

    def _look(self, host: str) -> tuple[str, bool]:
        """The source that an address belongs to, and whether it is spared; remembered, since peers come again."""
        known = self._known.get(host)
        if known is None:
            if len(self._known) >= self._most:
                self._known.clear()
            known = self._known[host] = self._examine(host)
        return known

    def _examine(self, host: str) -> tuple[str, bool]:
        try:
            address = ip_address(host)
        except ValueError:
            return host, False
        spared = any(address in network for network in self._spared)
        if isinstance(address, IPv6Address):
            return str(IPv6Network((int(address) >> 64 << 64, 64))), spared
        return host, spared


def _overlaps(source: str, network: IpNetwork) -> bool:
    found = ip_network(source)
    return found.version == network.version and found.overlaps(network)
