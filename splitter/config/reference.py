"""The reference configuration: every key with its words, bounds and default, from where keys are declared.

`splitter reference` prints it; sipconf/splitter.toml is the same text, and a test holds the two equal. Here stand only
its order, the tables that serve as examples, and what is said of whole tables. Does I/O: the words are read from our
own source.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from splitter.calls.browsers.settings import WebCallSettings
from splitter.calls.guest_page import GuestPageSettings
from splitter.calls.logins.access import ApiSettings, Token
from splitter.calls.logins.accounts import Account, RegistrarSettings
from splitter.calls.logins.openid import OpenIdSettings
from splitter.calls.settings import CallSettings, MonitorSettings, OverloadSettings, Route, Trunk
from splitter.calls.webhook import Webhook
from splitter.cluster.settings import ClusterSettings
from splitter.config.fields import Declared, declared
from splitter.config.model import Settings
from splitter.core.keys import Uptake
from splitter.media.forward.settings import ForkSettings
from splitter.media.ng.settings import RtpengineSettings
from splitter.media.record.settings import RecordingSettings
from splitter.media.settings import MediaSettings
from splitter.sms.settings import HttpSmsSettings, SipSmsSettings, SmppSettings, SmsSettings, SmsText
from splitter.store.settings import StoreSettings
from splitter.telemetry.settings import HepSettings, TelemetrySettings
from splitter.transport.settings import DnsSettings, Network, TlsSettings, TransportSettings

_WIDTH = 120
_HEAD = """Reference configuration of splitter: every key, its default and its meaning. `splitter reference` prints it.

    splitter check FILE      tells every problem with its line and remedy
    splitter run -c FILE     starts the gateway

A key behind "#" is shown with its default; remove the "#" to change it. Keys without "#" have no default: they say what
stands where, and the values here are examples. Behind a number stand the least and the most that it may be. Relative
paths start at the directory of this file.

A change is taken by `splitter reload`; that of a key with "restart" behind it, by `splitter restart`. Calls go on
through both: see docs/changing.md."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The line between groups of tables, and what is to be known of all of them."""

    title: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Example:
    """One table of the reference.

    Attributes:
        header: as it is written, such as "[trunk.sbc]".
        kinds: the settings whose keys stand in it, in this order.
        values: examples for this table alone, as TOML.
        only: the keys that it shows; all if empty.
        without: keys that it does not show.
        about: what is said of the whole table.
    """

    header: str
    kinds: tuple[type, ...]
    values: Mapping[str, str] = field(default_factory=dict)
    only: str = ""
    without: str = ""
    about: str = ""


_PBX = {"role": '"centre"', "network": '"core"'}
_HASHES = """[
    "SHA-256:98438101b0d65af3afb21ed707ec86f6cf129bc0673d82da1cd7df1367ceade2",
    "SHA-512-256:55a9a3daf5d08d3de639361eaa08f5454541631d36aed0f0e6a5ef31eaf6fc86",
    "MD5:8b250a2ac89ae7070d91d52654b0952a",
]"""
_ARGON2 = '"$argon2id$v=19$m=19456,t=2,p=1$MDAwMDAwMDAwMDAwMDAwMA$TZCCCJQw6qE40QoszdZDx3LhW/RG6J0UYvSQtFYYSrQ"'
_PARTS: tuple[Heading | Example, ...] = (
    Example("[gateway]", (CallSettings, Settings)),
    Heading(
        "our sides", "One [network.NAME] per side that we have a leg in. The names are yours; trunks refer to them."
    ),
    Example("[network.access]", (Network, TlsSettings)),
    Example("[network.core]", (Network,), {"listen": '["udp:10.1.0.10:5060"]'}, only="listen"),
    Heading("neighbours", 'One [trunk.NAME] per neighbour. At least one of role "access" and one of role "centre".'),
    Example(
        "[trunk.sbc]",
        (Trunk,),
        {"address": '"198.51.100.1:5060"', "trusted": "true"},
        only="role network peers address trusted media_sources",
    ),
    Example("[trunk.pbx]", (Trunk,), _PBX, without="peers media_sources bannable authenticate algorithms"),
    Example("[trunk.pbx2]", (Trunk,), _PBX | {"address": '"10.1.0.21:5060"'}, only="role network address"),
    Example(
        "[trunk.seats]",
        (Trunk,),
        {"role": '"seat"', "network": '"core"', "peers": '["10.2.0.0/16"]', "realm": '"seats.example.org"'},
        only="role network peers bannable authenticate algorithms realm",
    ),
    Example(
        "[trunk.archive]",
        (Trunk,),
        {"role": '"recorder"', "network": '"core"', "address": '"10.1.0.40:5060"'},
        only="role network address",
    ),
    Heading("routes", "The first [[route]] whose pattern matches is taken."),
    Example("[[route]]", (Route,)),
    Example(
        "[[route]]",
        (Route,),
        {"called": r"'400(\d{7})'", "to": '["pbx"]', "number": r"'9\1'"},
        only="called to number",
    ),
    Example(
        "[[route]]", (Route,), {"called": r"'1\d{10}'", "to": '["sbc"]', "from": '"centre"'}, only="called to from"
    ),
    Heading(
        "seats",
        "Accounts of people, one [[account]] each: for the console, the API, and SIP seats at the trunks above "
        "with authenticate = true. This file holds "
        "secrets: it should be readable by the service's user alone.",
    ),
    Example("[[account]]", (Account,), without="ha1 argon2"),
    Example("[[account]]", (Account,), {"user": '"8002"', "argon2": _ARGON2, "ha1": _HASHES}, only="user ha1 argon2"),
    Example("[registrar]", (RegistrarSettings,)),
    Heading("API"),
    Example("[api]", (ApiSettings,)),
    Example("[openid]", (OpenIdSettings,)),
    Example(
        "[[token]]",
        (Token,),
        about="One [[token]] for each program that uses the API. Agents log in with their [[account]] above: its "
        "extension, or else its user, is the desk that they are.",
    ),
    Example(
        "[[webhook]]",
        (Webhook,),
        about="One [[webhook]] for each program that is told by POST what happens: CTI, CRM, whoever sends invitations "
        "by SMS. Events are JSON, signed, in order, and tried again while the receiver is away; see docs/webhooks.md.",
    ),
    Heading(
        "messages",
        "How callers get the links that desks send them; see docs/sms.md. Each carrier has a table named by you.",
    ),
    Example("[sms]", (SmsSettings,)),
    Example(
        "[[sms.text]]", (SmsText,), about="What callers are written. Without any: a text of ours, in each language."
    ),
    Example("[sms.smpp.main]", (SmppSettings,)),
    Example("[sms.http.cloud]", (HttpSmsSettings,)),
    Example("[sms.sip.ims]", (SipSmsSettings,)),
    Heading("guests", "The page that callers see behind such a link, as far as it is yours; see docs/guest-page.md."),
    Example("[guest_page]", (GuestPageSettings,)),
    Heading(
        "web callers",
        'Callers who have no phone, but a browser; see docs/web-callers.md. They come by a trunk of role "web", and '
        'may call the routes with from = "web".',
    ),
    Example(
        "[trunk.web]",
        (Trunk,),
        {
            "role": '"web"',
            "network": '"access"',
            "peers": '["0.0.0.0/0", "::/0"]',
            "bannable": "true",
            "max_calls": "50",
            "calls_per_s": "5",
        },
        only="role network peers bannable max_calls calls_per_s",
    ),
    Example("[[route]]", (Route,), {"called": "'12345'", "to": '["pbx"]', "from": '"web"'}, only="called to from"),
    Example("[web_calls]", (WebCallSettings,)),
    Heading("calls"),
    Example("[calls]", (CallSettings,)),
    Heading("media"),
    Example("[media]", (MediaSettings,)),
    Example(
        "[rtpengine.one]",
        (RtpengineSettings,),
        about="One [rtpengine.NAME] for each rtpengine, for those who run a media farm; the names are yours. A call "
        "whose rtpengine dies goes on with another one, or with the workers, after a second or two.",
    ),
    Heading("transport"),
    Example("[transport]", (TransportSettings,)),
    Heading("trunks and load"),
    Example("[monitor]", (MonitorSettings,)),
    Example("[overload]", (OverloadSettings,)),
    Example("[dns]", (DnsSettings,)),
    Heading("store"),
    Example("[store]", (StoreSettings,)),
    Heading(
        "recording",
        "Voices and pictures of calls in one file each, signed; see docs/recording.md.",
    ),
    Example("[recording]", (RecordingSettings,)),
    Example("[fork]", (ForkSettings,)),
    Heading("several gateways"),
    Example(
        "[cluster]",
        (ClusterSettings,),
        about="Gateways that stand in for each other, and see each other's calls. Without this table there is one "
        "gateway. sipconf/valkey and sipconf/keepalived hold what belongs beside it.",
    ),
    Heading("log and metrics"),
    Example("[log]", (TelemetrySettings,)),
    Example("[metrics]", (TelemetrySettings,)),
    Example("[hep]", (HepSettings,)),
)


def reference() -> str:
    """The whole file."""
    lines, told = [*_comment(_HEAD), ""], set[str]()
    for part in _PARTS:
        match part:
            case Heading():
                lines += ["", "", f"# ---- {part.title} ".ljust(_WIDTH - 4, "-"), *_comment(part.text)]
            case Example():
                lines += ["", *_comment(part.about), part.header, *_keys(part, told)]
    return "\n".join(lines) + "\n"


def _keys(example: Example, told: set[str]) -> Iterator[str]:
    """The lines of one table; adds to `told` whose words have been said: once is enough."""
    after_words = False
    for number, (kind, item) in enumerate(_shown(example)):
        place = f"{kind.__name__}.{item.field}"
        words = "" if place in told else _words(kind).get(item.field, "")
        if number and (words or (place in told and after_words)):
            yield ""
        yield from _comment(words)
        yield _line(item, example.values.get(item.name, item.key.example))
        after_words = place not in told
        told.add(place)


def _shown(example: Example) -> Iterator[tuple[type, Declared]]:
    name, only, without = example.header.strip("[]"), example.only.split(), example.without.split()
    for kind in example.kinds:
        elsewhere = any(item.key.table == name for item in declared(kind))
        for item in declared(kind):
            here = item.key.table == (name if elsewhere else "") and item.name not in without
            if here and (not only or item.name in only):
                yield kind, item


def _line(item: Declared, example: str) -> str:
    """The key with its example, or behind "#" with its default; then its bounds, and whether it needs a restart."""
    text = f"{item.name} = {example}" if example else f"#{item.name} = {_toml(item.default)}"
    notes = [f"{item.key.low:.10g} to {item.key.high:.10g}"] if item.kind in (int, float) else []
    if item.key.taken is Uptake.RESTART:
        notes.append("restart")
    return "  # ".join(filter(None, (text, "; ".join(notes))))


def _toml(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case tuple() | frozenset() | Mapping():
            return json.dumps(sorted(value) if isinstance(value, frozenset) else list(value), ensure_ascii=False)
        case re.Pattern():
            return f"'{value.pattern}'"
        case _:
            return json.dumps(value or "", ensure_ascii=False)


def _comment(text: str) -> list[str]:
    """The text behind "#", wrapped; lines that begin with a space stay as they are."""
    lines = []
    for together, group in itertools.groupby(text.splitlines(), lambda line: bool(line) and not line.startswith(" ")):
        if together:
            whole = " ".join(group).replace("RFC ", "RFC\N{NO-BREAK SPACE}")
            lines += textwrap.wrap(whole, _WIDTH - 2, break_long_words=False, break_on_hyphens=False)
        else:
            lines += group
    return [f"# {line}".replace("\N{NO-BREAK SPACE}", " ").rstrip() for line in lines]


@cache
def _words(kind: type) -> Mapping[str, str]:
    """What stands below each field of a class; Python itself keeps no docstrings of fields."""
    [body] = ast.parse(inspect.getsource(kind)).body
    assert isinstance(body, ast.ClassDef)
    found = {}
    for line, below in itertools.pairwise(body.body):
        match line, below:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = inspect.cleandoc(text)
    return found
