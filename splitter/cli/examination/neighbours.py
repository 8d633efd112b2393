"""Whether the trunks' servers are there: one OPTIONS each (RFC 3261 §11), a TLS handshake, a name. Does I/O: sends.

Any answer will do: a centre that does not know our port yet answers 401, 403 or 404, and so it is there.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl

from splitter.calls.settings import Trunk
from splitter.cli.examination.observation import Observation, bad, doubt, good
from splitter.config.model import Settings
from splitter.core.errors import LocalError, PeerError
from splitter.core.net import Address
from splitter.transport.resolver import Resolver
from splitter.transport.settings import Network
from splitter.transport.targets import AUTO, HostName, Target, Wanted
from splitter.transport.tls import identities_of, tls_of

LIMIT_S = 2.0
TRIES = 3


async def examine_neighbours(settings: Settings) -> list[Observation]:
    """Ask every server of every trunk that has an address, side by side."""
    trunks = [trunk for trunk in settings.trunks.values() if trunk.address is not None]
    return [finding for found in await asyncio.gather(*(_trunk(one, settings) for one in trunks)) for finding in found]


async def _trunk(trunk: Trunk, settings: Settings) -> list[Observation]:
    subject, network = f"trunk {trunk.name}", settings.networks[trunk.network]
    try:
        targets = await _targets(trunk, network, settings)
    except PeerError as error:
        return [bad(subject, error.reason, "check the name, and the name servers of this machine")]
    return [await _server(subject, trunk, network, target) for target in targets]


async def _targets(trunk: Trunk, network: Network, settings: Settings) -> list[Target]:
    if isinstance(trunk.address, HostName):
        resolver = Resolver(settings.dns.servers, settings.dns.limit_s)
        located = await resolver.locate(Wanted(trunk.address, trunk.transport, _reach(network)))
        return list(located.targets)
    assert trunk.address is not None
    return [Target("udp" if trunk.transport == AUTO else trunk.transport, trunk.address)]


def _reach(network: Network) -> tuple[tuple[str, str], ...]:
    return tuple((one.transport, "AAAA" if ":" in one.address.host else "A") for one in network.listeners)


async def _server(subject: str, trunk: Trunk, network: Network, target: Target) -> Observation:
    own = next(
        (one.address.host for one in network.listeners if (":" in one.address.host) == (":" in target.address.host)), ""
    )
    try:
        async with asyncio.timeout(LIMIT_S * TRIES):
            if target.transport == "udp":
                status = await _ask_by_udp(own, target.address)
            else:
                status = await _ask_by_stream(own, trunk, network, target)
    except TimeoutError:
        what = f"{target} does not answer"
        return doubt(subject, what, f"let it answer OPTIONS from {own}; look at firewalls between, and at its own log")
    except (OSError, LocalError) as error:
        what = f"{target} cannot be reached: {getattr(error, 'strerror', '') or error}"
        return bad(subject, what, "check the address, the network and the firewalls between")
    if status:
        return good(subject, f"{target} answers OPTIONS with {status}")
    return doubt(subject, f"{target} answers something that is no SIP", "check the address and the port")


def _options(own: str, transport: str, target: Address) -> bytes:
    host, tag = f"[{own}]" if ":" in own else own, secrets.token_hex(8)
    lines = (
        f"OPTIONS sip:{target} SIP/2.0",
        f"Via: SIP/2.0/{transport.upper()} {host};branch=z9hG4bK{tag};rport",
        "Max-Forwards: 70",
        f"From: <sip:splitter@{host}>;tag={tag}",
        f"To: <sip:{target}>",
        f"Call-ID: {tag}@doctor",
        "CSeq: 1 OPTIONS",
        "Accept: application/sdp",
        "Content-Length: 0",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


async def _ask_by_udp(own: str, target: Address) -> str:
    """The status of its answer; "" for what is no SIP. To a port that is none of ours rport brings it (RFC 3581)."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in target.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as end:
        end.setblocking(False)
        end.bind((own, 0))
        end.connect((target.host, target.port))
        request = _options(own, "udp", target)
        for _ in range(TRIES):
            await loop.sock_sendall(end, request)
            try:
                async with asyncio.timeout(LIMIT_S):
                    return _status(await loop.sock_recv(end, 65_535))
            except TimeoutError:
                continue
    raise TimeoutError


async def _ask_by_stream(own: str, trunk: Trunk, network: Network, target: Target) -> str:
    context: ssl.SSLContext | None = None
    name = None
    if target.transport == "tls":
        identities = identities_of(tls_of({network.name: network}))
        context = identities[network.name].client
        name = trunk.tls_name or (trunk.address.name if isinstance(trunk.address, HostName) else target.address.host)
    reader, writer = await asyncio.open_connection(
        target.address.host, target.address.port, local_addr=(own, 0), ssl=context, server_hostname=name
    )
    try:
        writer.write(_options(own, target.transport, target.address))
        return _status(await reader.readline())
    finally:
        writer.close()


def _status(data: bytes) -> str:
    version, _, rest = data.split(b"\r\n", 1)[0].decode(errors="replace").partition(" ")
    return rest[:60] if version == "SIP/2.0" else ""
