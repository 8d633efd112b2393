"""The text of a first configuration: what nobody but the operator knows, and no key that has a default. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass

from splitter.core.net import Address

_HEAD = """\
# Written by "splitter init". "splitter reference" explains every key; "splitter reload" takes a change; calls go on.
"""


@dataclass(frozen=True, slots=True)
class Answers:
    """What an operator says of the place of the gateway.

    Attributes:
        sbc, centre: the operator's SBC and the voice centre.
        outer, inner: where we listen for SIP, towards each; the same where we have one address.
        numbers: a regular expression; the called numbers that go to the centre.
        trusted: the SBC vouches for its callers' numbers (RFC 3325).
        desk: where agents' browsers come to; None for no desks.
        certificate: of the desk's page, a file with its key.
        agent: the extension of a first agent; "" for none.
        password: of that agent.
        folder: for what the gateway keeps where it has no folders of its own, as a service has; "" for a service.
    """

    sbc: Address
    centre: Address
    outer: Address
    inner: Address
    numbers: str = ".*"
    trusted: bool = True
    desk: Address | None = None
    certificate: str = ""
    agent: str = ""
    password: str = ""
    folder: str = ""


def beginning(answers: Answers) -> str:
    """A configuration, as the text of its file."""
    alone = answers.outer == answers.inner
    tables = [_HEAD]
    if answers.folder:
        tables.append(_table("gateway", control_socket=f"{answers.folder}/control.sock"))
    if alone:
        tables.append(_network("main", answers.outer, "towards the SBC and the voice centre"))
    else:
        tables.append(_network("access", answers.outer, "towards the operator's SBC"))
        tables.append(_network("core", answers.inner, "towards the voice centre"))
    host = answers.sbc.host
    tables.append(
        _table(
            "trunk.sbc",
            role="access",
            network="main" if alone else "access",
            address=str(answers.sbc),
            peers=[str(answers.sbc) if alone and host == answers.centre.host else host],
            trusted=answers.trusted,
        )
    )
    tables.append(_table("trunk.pbx", role="centre", network="main" if alone else "core", address=str(answers.centre)))
    tables.append(_table("route", True, called=answers.numbers, to=["pbx"]))
    tables += _desk(answers)
    if answers.folder:
        tables.append(_table("media", socket_dir=f"{answers.folder}/media"))
        tables.append(_table("store", path=f"{answers.folder}/calls.db"))
    return "\n".join(tables)


def _desk(answers: Answers) -> list[str]:
    if answers.desk is None:
        return []
    found = [_table("api", listen=[str(answers.desk)], certificate=answers.certificate, key=answers.certificate)]
    if answers.agent:
        found.append(_table("account", True, user=answers.agent, password=answers.password, extension=answers.agent))
    return found


def _network(name: str, address: Address, what: str) -> str:
    return f"# {what}\n" + _table(f"network.{name}", listen=[f"udp:{address}", f"tcp:{address}"])


def _table(name: str, many: bool = False, **keys: object) -> str:
    """A table with its keys; JSON writes texts, lists and flags as TOML does."""
    head = f"[[{name}]]" if many else f"[{name}]"
    lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in keys.items())
    return "\n".join((head, *lines)) + "\n"
