"""Whether the services are there that the configuration names: relays (TURN), webhooks, messages, logins. Does I/O.

A relay is asked for what a browser asks for, an allocation (RFC 8656 §7), with a password as browsers get it, and gives
it back. To all others we only connect, with a TLS handshake where there is one: nothing is said to them.
"""

from __future__ import annotations

import asyncio
import os
import re
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from aioice import stun, turn

from splitter.calls.logins.access import ApiSettings
from splitter.cli.examination.observation import Observation, bad, doubt, good
from splitter.config.model import Settings
from splitter.web.relays import relays_for

LIMIT_S = 6.0
_BACK_S = 2.0  # that giving it back may take
_ASKED_S = 60  # that the allocation would last
_URL = re.compile(r"(?P<scheme>turns?):(?P<host>\[[^]]+\]|[^:?]+)(:(?P<port>\d+))?(\?transport=(?P<transport>\w+))?")
_SECRET = "make api.turn_secret and the static-auth-secret of the server the same (coturn: use-auth-secret as well)"


async def examine_outsiders(settings: Settings) -> list[Observation]:
    """Ask every relay, and connect to every other service, side by side."""
    relays = [_relay(url, settings.api) for url in settings.api.turn_servers]
    return await asyncio.gather(*relays, *map(_service, services(settings)))


# ---- relays ------------------------------------------------------------------------------------------------------


class _Given(asyncio.DatagramProtocol):
    """A relayed address that is given back."""

    def __init__(self) -> None:
        self.back = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:
        self.back.set()


async def _relay(url: str, api: ApiSettings) -> Observation:
    found = _URL.fullmatch(url)
    assert found is not None  # as the configuration was read
    subject, tls = f"relay {url}", found["scheme"] == "turns"
    transport = found["transport"] or ("tcp" if tls else "udp")
    if tls and transport == "udp":
        return doubt(subject, "TURN over DTLS is not examined", "hardly a browser takes it: use ?transport=tcp")
    server = (found["host"].strip("[]"), int(found["port"] or (5349 if tls else 3478)))
    try:
        async with asyncio.timeout(LIMIT_S):
            relayed = await _allocated(server, api, transport, tls)
    except stun.TransactionFailed as error:
        return _refused(subject, error)
    except (TimeoutError, stun.TransactionTimeout):
        return bad(subject, "it does not answer", f"start it; let {transport.upper()} to it through the firewalls")
    except (OSError, ValueError) as error:
        return _unreachable(subject, error)
    return good(subject, f"it takes our passwords, and relays from {relayed}")


async def _allocated(server: tuple[str, int], api: ApiSettings, transport: str, tls: bool) -> str:
    """Have an address relayed, and give it back. Returns: the address."""
    [relay] = relays_for(api, "doctor", None, time.time())
    context = ssl.create_default_context() if tls else None
    there, given = await turn.create_turn_endpoint(
        *(_Given, server, relay.username, relay.credential, _ASKED_S), ssl=context, transport=transport
    )
    host, port = there.get_extra_info("sockname")
    there.close()
    with suppress(TimeoutError):  # it ends by itself soon, and works for all that
        async with asyncio.timeout(_BACK_S):
            await given.back.wait()
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _refused(subject: str, error: stun.TransactionFailed) -> Observation:
    code, reason = error.response.attributes.get("ERROR-CODE", (0, "without a reason"))
    if code == 401:
        return bad(subject, "it does not take our passwords (401)", f"{_SECRET}; compare its clock with this one")
    return bad(subject, f"it refuses: {code} {reason}", "its own log says why")


# ---- all others --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Service:
    """A service that the gateway connects to.

    Attributes:
        key: where the configuration names it.
        port: -1 where what it names is none.
    """

    key: str
    host: str
    port: int
    tls: bool

    @property
    def place(self) -> str:
        """Host and port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def services(settings: Settings) -> Iterator[Service]:
    """List the services that a configuration names, but for trunks and relays."""
    urls = [(f"webhook {one.name}", one.url) for one in settings.webhooks]
    urls += [(f"sms.http {one.name}", one.url) for one in settings.sms.http]
    urls += [("openid.issuer", settings.openid.issuer), ("recording.store_endpoint", settings.recording.store_endpoint)]
    urls += [("fork.url", settings.fork.url)]
    for key, url in urls:
        parts = urlsplit(url)
        if parts.hostname and "{" not in parts.hostname:
            tls = parts.scheme in ("https", "wss")
            yield Service(key, parts.hostname, _port_of(parts, 443 if tls else 80), tls)
    for smpp in settings.sms.smpp:
        yield Service(f"sms.smpp {smpp.name}", smpp.host, smpp.port, smpp.tls)


def _port_of(parts: SplitResult, usual: int) -> int:
    try:
        return parts.port or usual
    except ValueError:
        return -1


async def _service(one: Service) -> Observation:
    if one.port < 0:
        return bad(one.key, f"the port of its address on {one.host} is none", "write one from 1 to 65535")
    context = ssl.create_default_context() if one.tls else None
    try:
        async with asyncio.timeout(LIMIT_S):
            _, writer = await asyncio.open_connection(one.host, one.port, ssl=context)
    except TimeoutError:
        return bad(one.key, f"{one.place} does not answer", "start it; let TCP to it through the firewalls")
    except (OSError, ValueError) as error:
        return _unreachable(one.key, error, f"{one.place}: ")
    writer.close()
    return good(one.key, f"{one.place} can be reached{' by TLS' if one.tls else ''}; nothing was said to it")


def _unreachable(subject: str, error: Exception, where: str = "") -> Observation:
    if isinstance(error, ssl.SSLCertVerificationError):
        what = f"{where}its certificate is not believed: {error.verify_message}"
        return doubt(subject, what, "have it signed by an authority that this machine, and the browsers, know")
    if isinstance(error, ssl.SSLError):
        return bad(subject, f"{where}it speaks no TLS: {error.reason}", "check the port, and what it speaks there")
    number = getattr(error, "errno", None) or 0  # asyncio's own words are of tuples
    why = os.strerror(number) if number > 0 else getattr(error, "strerror", "") or error
    what = f"{where}it cannot be reached: {why}"
    return bad(subject, what, "check the name, the port and the firewalls between")
