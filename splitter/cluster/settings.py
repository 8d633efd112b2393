"""What the operator sets about several gateways that stand in for each other. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from splitter.core.keys import Key, Uptake, ValueProblem, optional

_SCHEMES = {"valkey": "redis", "valkeys": "rediss", "redis": "redis", "rediss": "rediss", "unix": "unix"}


def parse_name(text: str) -> str:
    """The name of a node or a host: a word that may stand in a key, a file name and a URL."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", text):
        raise ValueProblem(f'"{text}" is not a name', "use up to 63 letters, digits, dots and hyphens")
    return text


def parse_prefix(text: str) -> str:
    """What stands before each key."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,62}", text):
        raise ValueProblem(f'"{text}" is not a prefix', "use up to 63 letters, digits, dots, colons and hyphens")
    return text


def parse_url(text: str) -> str:
    """Where a Valkey is, in the words of its client: redis, rediss or unix. The password stands in a file."""
    parts = urlsplit(text)
    remedy = 'write it such as "valkey://10.1.0.40:6379", "valkeys://…" for TLS, or "unix:///run/valkey/valkey.sock"'
    scheme = _SCHEMES.get(parts.scheme, "")
    if not scheme or not (parts.path if scheme == "unix" else parts.hostname):
        raise ValueProblem("is not the address of a Valkey", remedy)
    if parts.username or parts.password:
        raise ValueProblem("has a user or a password in it", "use the keys user and password_file")
    try:
        port = parts.port
    except ValueError:
        port = -1
    if port == -1 or not re.fullmatch(r"(/\d{0,4})?", "" if scheme == "unix" else parts.path):
        raise ValueProblem(f'"{text}" has a port or a database that is none', remedy)
    return f"{scheme}://{text.split('://', 1)[1]}"


def parse_api_url(text: str) -> str:
    """Where the API of a gateway begins."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueProblem(f'"{text[:80]}" is not where an API begins', 'write it such as "https://10.1.0.10:8443"')
    return text.rstrip("/")


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """Nodes and hosts, and the Valkey that they share."""

    node: Annotated[str, Key(parse=optional(parse_name), example='"a"', taken=Uptake.RESTART)] = ""
    """The name of this gateway among several. Its calls, its addresses and this file are one thing: each host that is
    to stand in for it runs `splitter run` with this same file, host aside. The first is active, the others wait."""
    host: Annotated[str, Key(parse=optional(parse_name), taken=Uptake.RESTART)] = ""
    """The name of this machine. Without it: its host name."""
    valkey: Annotated[
        tuple[str, ...], Key(parse=parse_url, unique=True, example='["valkey://10.1.0.40:6379"]', taken=Uptake.RESTART)
    ] = ()
    """The Valkey (or Redis from 6 on) that all share: "valkeys://" speaks TLS, "unix:///run/valkey/valkey.sock" is a
    socket. Of several the first that takes writes is used: they must be one store, of which Sentinel or an operator
    makes another one the primary."""
    sentinel: Annotated[str, Key(taken=Uptake.RESTART)] = ""
    """The name of the primary as Sentinel calls it, such as "mymaster". Then `valkey` names the Sentinels (port 26379):
    they are asked where it is, at each connection."""
    sentinel_password_file: Annotated[str, Key(file=True, taken=Uptake.RESTART)] = ""
    """A file that holds the password of the Sentinels alone (requirepass of theirs), where they ask for one."""
    user: Annotated[str, Key(taken=Uptake.RESTART)] = ""
    """Who we are there (ACL); without it the default user."""
    password_file: Annotated[str, Key(file=True, taken=Uptake.RESTART)] = ""
    """A file that holds the password alone. It is read at each connection, so a new one needs no restart."""
    ca: Annotated[str, Key(file=True, taken=Uptake.RESTART)] = ""
    """TLS: whose certificates are believed (PEM; without it those that the system believes), and our own, where Valkey
    asks for one."""
    certificate: Annotated[str, Key(file=True, taken=Uptake.RESTART)] = ""
    key: Annotated[str, Key(file=True, taken=Uptake.RESTART)] = ""
    prefix: Annotated[str, Key(parse=parse_prefix, taken=Uptake.RESTART)] = "splitter"
    """What stands before each key there, so that several clusters may share one Valkey."""
    lease_ttl_s: Annotated[float, Key(0.5, 60, taken=Uptake.RESTART)] = 1.5
    """How long a node is believed to live after its last word. The voice of a dead host is silent for about this long
    and a second more; a network or a Valkey that falls silent longer than this moves the calls."""
    restart_grace_s: Annotated[float, Key(0, 600, taken=Uptake.RESTART)] = 10.0
    """How long others wait for a gateway whose host lives: it may be restarting, and its workers still carry the
    media, so that no packet is lost if it is the one that goes on."""
    track_file: Annotated[str, Key(file=True, taken=Uptake.RESTART)] = ""
    """A file for keepalived: 2 while we hold the lease, 1 while we go on without having heard of Valkey, 0 while we
    wait. See sipconf/keepalived: the address follows the lease."""
    api_url: Annotated[
        str, Key(parse=optional(parse_api_url), example='"https://10.1.0.10:8443"', taken=Uptake.RESTART)
    ] = ""
    """Where the other nodes reach the API of this one, to pass on what concerns its calls."""
