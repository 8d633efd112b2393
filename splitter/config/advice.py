"""What a configuration says that can be used and will not do: warnings. Does I/O: asks the kernel for its routes.

Nothing is sent: whether an address is this machine's, and whether there is a way to another one, the kernel knows.
"""

from __future__ import annotations

import errno
import re
import socket
from collections.abc import Iterator
from itertools import combinations

from splitter.calls.settings import CallSettings, Peer, Trunk
from splitter.config.model import Settings
from splitter.core.net import Address
from splitter.media.settings import VIDEO_PORTS, VOICE_PORTS, WEB_PORTS, MediaSettings
from splitter.transport.settings import Network

LEAST_PASSWORD = 8
_LITERAL = re.compile(r"[\w*#+]+")
_NO_WAY = frozenset((errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EINVAL, errno.EACCES))


def advice(settings: Settings) -> list[str]:
    """List what keeps calls or desks from working as they seem to be meant, with the remedy."""
    here = [] if settings.cluster.node else [*_strange_addresses(settings)]  # its addresses may be another host's now
    ways = [] if here or settings.cluster.node else [*_unreachable(settings)]
    others = [*_overlaps(settings), *_shadowed(settings), *_weak(settings), *_unrecorded(settings)]
    return [*here, *ways, *others, *_few_ports(settings)]


def _few_ports(settings: Settings) -> Iterator[str]:
    """A range of media ports that somebody has chosen, and that does not do for the calls."""
    media, calls = settings.media, settings.calls.max_calls
    if (media.ports, calls) == (MediaSettings().ports, CallSettings().max_calls):
        return  # nobody has said that there will be so many
    trunk = settings.trunks.get(settings.web_calls.trunk)
    of_web = min(calls, trunk.max_calls or calls) if trunk is not None else 0
    needed = VIDEO_PORTS * (calls - of_web) + WEB_PORTS * of_web
    if media.ports < needed:
        seen = (media.ports - VOICE_PORTS * calls) // (VIDEO_PORTS - VOICE_PORTS)
        yield (
            f"media.last_port: {calls} calls (gateway.max_calls) take {needed} ports when all have video, and the "
            f"range has {media.ports}: when so many talk, {seen} of them have video; widen the range or lower "
            "gateway.max_calls"
        )


def _unrecorded(settings: Settings) -> Iterator[str]:
    """Voices that are to be recorded, and cannot be."""
    taken = settings.recording.elsewhere_too or settings.fork.url
    for name in settings.media.rtpengine_for if taken else ():
        yield (
            f"media.rtpengine_for: an rtpengine carries the voice of callers from network {name}, and such a voice is "
            "not recorded; leave the network out where it is to be"
        )


def _strange_addresses(settings: Settings) -> Iterator[str]:
    """The addresses that we are to listen on, and have not."""
    told = set[str]()
    for place, host in _own(settings):
        if host not in told and not is_here(host):
            told.add(host)
            yield f"{place}: this machine has no address {host}; correct it, or give it to an interface first"


def _own(settings: Settings) -> Iterator[tuple[str, str]]:
    for network in settings.networks.values():
        for index, listener in enumerate(network.listeners):
            yield f"network.{network.name}.listen[{index + 1}]", listener.address.host
        yield f"network.{network.name}.media_address", network.media_address
    for index, address in enumerate(settings.api.listen):
        yield f"api.listen[{index + 1}]", address.host


def is_here(host: str) -> bool:
    """True where an address is this machine's, or none can be: "any address" is always there."""
    with _datagrams(host) as end:
        try:
            end.bind((host, 0))
        except OSError as error:
            return error.errno != errno.EADDRNOTAVAIL
    return True


def _unreachable(settings: Settings) -> Iterator[str]:
    for trunk in settings.trunks.values():
        network = settings.networks.get(trunk.network)
        if network is None or not isinstance(trunk.address, Address):
            continue
        if problem := no_way(_sender(network, trunk.address), trunk.address):
            yield f"trunk.{trunk.name}.address: {problem}; check the address, and the routes of this machine"


def _sender(network: Network, to: Address) -> str:
    """The address that we send from: the first of our listeners that speaks the same IP."""
    hosts = (listener.address.host for listener in network.listeners)
    return next((host for host in hosts if (":" in host) == (":" in to.host)), "")


def no_way(own: str, to: Address) -> str:
    """Why nothing can be sent there from one of our addresses; "" where it can."""
    with _datagrams(to.host) as end:
        try:
            if own:
                end.bind((own, 0))
            end.connect((to.host, to.port))
        except OSError as error:
            if error.errno in _NO_WAY:
                return f"there is no way from {own or 'here'} to {to.host} ({error.strerror})"
    return ""


def _datagrams(host: str) -> socket.socket:
    return socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)


def _overlaps(settings: Settings) -> Iterator[str]:
    """Sources that two trunks believe to be theirs: the first one has them, which is seldom meant."""
    for one, other in combinations(settings.trunks.values(), 2):
        if one.network != other.network:
            continue
        for peer in other.peers:
            if first := _shared(one, peer):
                yield (
                    f"trunk.{other.name}.peers: {peer.network} shares sources with {first.network} of trunk "
                    f"{one.name}, which has them, since it comes first; put the narrower one first, or part them"
                )


def _shared(one: Trunk, peer: Peer) -> Peer | None:
    """The peer of an earlier trunk that takes some of a later one's, and is not a part of it that was put first."""
    for first in one.peers:
        same_port = first.port is None or peer.port is None or first.port == peer.port
        if same_port and first.network.version == peer.network.version and first.network.overlaps(peer.network):
            narrower = first.network.prefixlen > peer.network.prefixlen or (first.port and not peer.port)
            if not narrower:
                return first
    return None


def _shadowed(settings: Settings) -> Iterator[str]:
    """Routes that no call can take, because one before them takes all of their numbers."""
    for index, route in enumerate(settings.routes):
        numbers = route.called.pattern.split("|")
        for former, before in enumerate(settings.routes[:index]):
            all_of_them = before.called.pattern == ".*" or all(
                _LITERAL.fullmatch(number) and before.called.fullmatch(number) for number in numbers
            )
            if before.origin is route.origin and all_of_them:
                yield f"route[{index + 1}]: route[{former + 1}] takes all of its numbers; put it before that one"
                break


def _weak(settings: Settings) -> Iterator[str]:
    for index, account in enumerate(settings.accounts):
        password = account.password
        if password and (len(password) < LEAST_PASSWORD or password.lower() in (account.user, account.extension)):
            yield f"account[{index + 1}].password: it is easily guessed; use {LEAST_PASSWORD} characters or more"
