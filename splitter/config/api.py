"""What is wrong with [api] and [[token]]: where the API listens, and who may use it.

Only `check_api_files` does I/O: it looks at the certificate.
"""

from __future__ import annotations

import ipaddress
import time
from pathlib import Path
from urllib.parse import urlsplit

from splitter.calls.logins.access import GRANTED, SECRET_BYTES, ApiSettings, Scope, Token
from splitter.config.model import Settings
from splitter.config.reader import Problems, Table
from splitter.core.keys import suggest
from splitter.core.net import Address, is_loopback
from splitter.transport.tls import faults, validity_of

_FILES = {"ca": "client_ca"}  # where a key of TlsSettings has another name here


def check_api_table(table: Table, settings: ApiSettings) -> None:
    """Check that [api] says where it listens, and that its parts fit each other."""
    if table and not table.listed("listen"):
        what = "is empty" if "listen" in table else "is missing"
        table.problem("listen", what, 'name where, such as "10.0.0.5:8443"; or leave the whole table out')
    _check_guests(table, settings.guest_url)
    _check_turn(table, settings)
    for name in ("key", "client_ca"):
        if getattr(settings, name) and not settings.certificate:
            table.problem(name, "has no meaning without a certificate", "add certificate = FILE, or remove it")


def _check_guests(table: Table, url: str) -> None:
    """A caller's phone can do something with that link."""
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        table.problem("guest_url", "browsers give no camera to pages that come by http", "write https://…")
    if url and not parts.path:
        remedy = "write that of our guests' page, such as " + f'"{url}/guest/"'
        table.problem("guest_url", "has no path: it would lead to the agents' console", remedy)


def _check_turn(table: Table, api: ApiSettings) -> None:
    """Check that relays believe the passwords that browsers are given."""
    if api.turn_servers and not api.turn_secret:
        table.problem("turn_secret", "is missing", "add the static-auth-secret of the TURN servers")
    elif api.turn_secret and not api.turn_servers and not table.listed("turn_servers"):
        remedy = 'add the servers, such as ["turns:turn.example.org:443?transport=tcp"]'
        table.problem("turn_servers", "is missing", remedy)


def check_token(table: Table, token: Token) -> None:
    """Check that a token may do something, and can be shown in some way."""
    if not table.listed("scopes"):
        table.problem("scopes", "is missing or empty", f"name what it may do: {', '.join(GRANTED)}")
    if "sha256" not in table and not token.certificate:
        remedy = 'add what "splitter token NAME" prints, or the common name of a certificate'
        table.problem("sha256", "is missing", remedy)
    if Scope.DESK in token.scopes and not token.extension:
        table.problem("extension", "is missing", "a desk acts for an extension: add it, or remove that scope")


def check_api(settings: Settings, problems: Problems) -> None:
    """Check that the addresses of the API are safe and free, and its names and secrets distinct."""
    api = settings.api
    for index, address in enumerate(api.listen):
        path = ("api", "listen", index)
        if not (api.certificate or api.insecure or _loopback(address)):
            what = f"{address} can be reached by others, but there is no certificate"
            remedy = "add certificate and key; or insecure = true where another program before it does the TLS"
            problems.add(path, what, remedy)
        if taken := _taken(address, index, settings):
            problems.add(path, f"{address} is taken by {taken} already", "use another address or port")
    if api.media_network and api.media_network not in settings.networks:
        what = f'there is no network "{api.media_network}"'
        problems.add(("api", "media_network"), what, suggest(api.media_network, settings.networks))
    _check_tokens(settings, problems)


def _check_tokens(settings: Settings, problems: Problems) -> None:
    seen: dict[tuple[str, str], int] = {}
    for index, token in enumerate(settings.tokens):
        if token.certificate and not settings.api.client_ca:
            remedy = "add api.client_ca, the authorities that such certificates come from"
            problems.add(("token", index, "certificate"), "nobody is asked for a certificate", remedy)
        for key in ("name", "sha256", "certificate"):
            value = getattr(token, key)
            if value and (key, value) in seen:
                what = f"is that of token[{seen[key, value]}] too"
                problems.add(("token", index, key), what, "give each token its own")
            seen.setdefault((key, value), index + 1)


def check_api_files(settings: Settings, problems: Problems, expiry: bool) -> None:
    """Look at the certificate and the secret; see `networks.check_files`."""
    _check_secret(settings.api.secret_file, problems)
    tls = settings.api.tls
    if tls is None:
        return
    found = faults(tls)
    for fault in found:
        problems.add(("api", _FILES.get(fault.key, fault.key)), fault.what, fault.remedy)
    if expiry and not found and (text := validity_of(tls).objection(time.time())):
        problems.add(("api", "certificate"), text, "renew it, then: splitter reload")


def _check_secret(name: str, problems: Problems) -> None:
    """It is made where there is none; one that is there is whole."""
    secret = Path(name)
    if not name or not secret.exists():
        return
    if not secret.is_file():
        problems.add(("api", "secret_file"), f"{name} is no file", "name a file; it is made if there is none")
    elif secret.stat().st_size < SECRET_BYTES:
        what, remedy = f"{name} has less than {SECRET_BYTES} bytes", "delete it, and a good one is made at the start"
        problems.add(("api", "secret_file"), what, remedy)


def _taken(address: Address, index: int, settings: Settings) -> str:
    """Who listens there too; empty for nobody."""
    others = [
        (listener.address, f"network.{network.name}")
        for network in settings.networks.values()
        for listener in network.listeners
        if listener.transport != "udp"
    ]
    if settings.telemetry.metrics is not None:
        others.append((settings.telemetry.metrics, "metrics.listen"))
    if settings.media.tcp_port:
        others += [(Address(host, settings.media.tcp_port), "media.tcp_port") for host in settings.browser_hosts]
    others += [(other, f"api.listen[{number}]") for number, other in enumerate(settings.api.listen[:index], 1)]
    return next((name for other, name in others if _overlap(address, other)), "")


def _overlap(one: Address, other: Address) -> bool:
    if one.port != other.port or (":" in one.host) != (":" in other.host):
        return False
    return one.host == other.host or any(ipaddress.ip_address(address.host).is_unspecified for address in (one, other))


def _loopback(address: Address) -> bool:
    return ipaddress.ip_address(address.host).is_loopback
