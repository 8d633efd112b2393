"""What differs between the configuration that runs and another one, key by key, and what of it can be taken live.

    difference(running, found) ─▶ Difference("trunk.pbx.max_calls", CHANGED, LIVE, "30", "60") …
    takeable(running, found)   ─▶ Settings: `found`, but for keys that need a restart, which stay as they run

Whoever reads a key decides how it is taken; it is declared with the key (`splitter.core.keys.Uptake`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from splitter.calls.browsers.settings import WebCallSettings
from splitter.calls.guest_page import GuestPageSettings
from splitter.calls.logins.access import ApiSettings, Token
from splitter.calls.logins.accounts import Account, RegistrarSettings
from splitter.calls.logins.openid import OpenIdSettings
from splitter.calls.settings import CallSettings, MonitorSettings, OverloadSettings, Role, Route, Trunk
from splitter.calls.webhook import Webhook
from splitter.cluster.settings import ClusterSettings
from splitter.config.fields import declared
from splitter.config.model import Settings
from splitter.core.keys import Uptake
from splitter.core.net import Address
from splitter.media.forward.settings import ForkSettings
from splitter.media.ng.settings import RtpengineSettings
from splitter.media.record.settings import RecordingSettings
from splitter.media.settings import MediaSettings
from splitter.sms.settings import SmsSettings
from splitter.store.settings import StoreSettings
from splitter.telemetry.settings import HepSettings, TelemetrySettings
from splitter.transport.settings import DnsSettings, Network, TlsSettings, TransportSettings
from splitter.transport.targets import HostName

_LONGEST = 60  # of a value that is shown
_BARE = re.compile(r"[A-Za-z0-9_-]+")


class ChangeKind(StrEnum):
    """What has become of a key or a table."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"  # the tables are the same ones in another order, which matters


@dataclass(frozen=True, slots=True)
class Difference:
    """A key that differs, or a table that only one side has.

    Attributes:
        key: as it is written, such as "trunk.pbx.max_calls"; "trunk.pbx" for the whole table.
        taken: how a running gateway takes it.
        before, after: the values, where they are short and no secrets.
    """

    key: str
    change: ChangeKind
    taken: Uptake
    before: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class _Part:
    """A field of `Settings`, as it stands in the file.

    Attributes:
        header: of its tables in the file.
        name: tells the tables of this header apart; None where there is one alone.
        ordered: which of them comes first matters.
    """

    field: str
    header: str
    kind: type
    name: Callable[[Any], str] | None = None
    ordered: bool = False

    @property
    def live(self) -> bool:
        """A whole table can be added and removed while calls live."""
        return all(item.key.taken is Uptake.LIVE for item in declared(self.kind))


def _name(item: Any) -> str:
    return str(item.name)


def _route(route: Route) -> str:
    """Patterns are each one's own among the routes that calls from there take."""
    pattern = str(route.called.pattern)
    return pattern if route.origin is Role.ACCESS else f"{pattern} from {route.origin}"


PARTS = (
    _Part("networks", "network", Network, _name),
    _Part("trunks", "trunk", Trunk, _name, ordered=True),
    _Part("routes", "route", Route, _route, ordered=True),
    _Part("calls", "calls", CallSettings),
    _Part("media", "media", MediaSettings),
    _Part("rtpengines", "rtpengine", RtpengineSettings, _name),
    _Part("transport", "transport", TransportSettings),
    _Part("store", "store", StoreSettings),
    _Part("recording", "recording", RecordingSettings),
    _Part("fork", "fork", ForkSettings),
    _Part("telemetry", "log", TelemetrySettings),
    _Part("monitor", "monitor", MonitorSettings),
    _Part("overload", "overload", OverloadSettings),
    _Part("dns", "dns", DnsSettings),
    _Part("accounts", "account", Account, lambda account: str(account.user)),
    _Part("registrar", "registrar", RegistrarSettings),
    _Part("api", "api", ApiSettings),
    _Part("openid", "openid", OpenIdSettings),
    _Part("tokens", "token", Token, _name),
    _Part("webhooks", "webhook", Webhook, _name),
    _Part("sms", "sms", SmsSettings),
    _Part("web_calls", "web_calls", WebCallSettings),
    _Part("guest_page", "guest_page", GuestPageSettings),
    _Part("hep", "hep", HepSettings),
    _Part("cluster", "cluster", ClusterSettings),
)
_CARRIERS = ("http", "smpp", "sip")  # tables within [sms]


def difference(running: Settings, found: Settings) -> tuple[Difference, ...]:
    """List what differs, in the order of the reference."""
    return (*_keys("", Settings, running, found), *(one for part in PARTS for one in _of(part, running, found)))


def unchanged(running: Settings, found: Settings) -> tuple[str, ...]:
    """List the tables that are the same, such as "trunk.pbx"; of many of one kind their number alone."""
    same: list[str] = []
    for part in PARTS:
        before, after = (_tables(part, settings) for settings in (running, found))
        names = [name for name in after if name in before and before[name] == after[name]]
        if part.name is None or isinstance(getattr(found, part.field), Mapping):
            same += [_header(part, name) for name in names]
        elif names:
            same.append(f"{part.header} ({len(names)})")
    return tuple(same)


def takeable(running: Settings, found: Settings) -> Settings:
    """What a running gateway can become without a restart on the way to `found`."""
    taken = {part.field: _merged(part, running, found) for part in PARTS}
    whole: Settings = _kept(Settings, running, found)
    return replace(whole, **taken)


# ---- inside ----------------------------------------------------------------------------------------------------------


def _of(part: _Part, running: Settings, found: Settings) -> Iterator[Difference]:
    before, after = (_tables(part, settings) for settings in (running, found))
    whole = Uptake.LIVE if part.live else Uptake.RESTART
    for name in (*before, *(new for new in after if new not in before)):
        header = _header(part, name)
        if name not in after:
            yield Difference(header, ChangeKind.REMOVED, whole)
        elif name not in before:
            yield Difference(header, ChangeKind.ADDED, whole)
        else:
            yield from _keys(header, part.kind, before[name], after[name])
    common = [[name for name in tables if name in before and name in after] for tables in (before, after)]
    if part.ordered and common[0] != common[1]:
        yield Difference(part.header, ChangeKind.MOVED, whole)


def _keys(header: str, kind: type, before: Any, after: Any) -> Iterator[Difference]:
    if before == after:
        return
    hidden = {field.name for field in fields(kind) if not field.repr}
    for item in declared(kind):
        old, new = getattr(before, item.field), getattr(after, item.field)
        if old != new:
            shown = ("", "") if item.field in hidden else (_text(old), _text(new))
            yield Difference(f"{item.key.table or header}.{item.name}", ChangeKind.CHANGED, item.key.taken, *shown)
    if kind is Network:
        yield from _keys(header, TlsSettings, before.tls or TlsSettings(""), after.tls or TlsSettings(""))
    if kind is SmsSettings:
        yield from _carriers(header, before, after)


def _carriers(header: str, before: SmsSettings, after: SmsSettings) -> Iterator[Difference]:
    """The tables within [sms]; all of them need a restart."""
    if before.texts != after.texts:
        yield Difference(f"{header}.text", ChangeKind.CHANGED, Uptake.RESTART)
    for kind in _CARRIERS:
        old, new = ({one.name: one for one in getattr(settings, kind)} for settings in (before, after))
        for name in (*old, *(one for one in new if one not in old)):
            place = f"{header}.{kind}.{name}"
            if name in old and name in new:
                yield from _keys(place, type(old[name]), old[name], new[name])
            else:
                change = ChangeKind.ADDED if name in new else ChangeKind.REMOVED
                yield Difference(place, change, Uptake.RESTART)


def _merged(part: _Part, running: Settings, found: Settings) -> Any:
    """The part as it can be taken: tables that need a restart to come or go, and such keys, are as they run."""
    whole = getattr(found, part.field)
    before, after = (_tables(part, settings) for settings in (running, found))
    if part.live:
        return whole
    merged = {name: _kept(part.kind, old, after.get(name, old)) for name, old in before.items()}
    if part.name is None:
        return merged[""]
    return merged if isinstance(whole, Mapping) else tuple(merged.values())


def _kept(kind: type, running: Any, found: Any) -> Any:
    """`found` with the keys that need a restart as they run."""
    stay = [item.field for item in declared(kind) if item.key.taken is Uptake.RESTART]
    stay += ["texts", *_CARRIERS] if kind is SmsSettings else []
    return replace(found, **{name: getattr(running, name) for name in stay})


def _tables(part: _Part, settings: Settings) -> dict[str, Any]:
    """The tables of a part by name, which is the only one of its kind in a good configuration; "" for one alone."""
    value = getattr(settings, part.field)
    if part.name is None:
        return {"": value}
    return {part.name(item): item for item in (value.values() if isinstance(value, Mapping) else value)}


def _header(part: _Part, name: str) -> str:
    if not name:
        return part.header
    return f"{part.header}.{name if _BARE.fullmatch(name) else json.dumps(name, ensure_ascii=False)}"


def _text(value: Any) -> str:
    """A value for people; empty where it is no short one."""
    match value:
        case bool():
            return str(value).lower()
        case int() | float():
            return f"{value:.10g}"
        case str() | Address() | HostName():
            text = str(value)
        case re.Pattern():
            text = str(value.pattern)
        case tuple() | frozenset():
            parts: Iterable[Hashable] = sorted(map(str, value)) if isinstance(value, frozenset) else value
            plain = all(isinstance(one, str | Address) for one in parts)
            text = ", ".join(map(str, parts)) if plain else ""
        case _:
            text = ""
    return text if len(text) <= _LONGEST else ""


def restarts(differences: Iterable[Difference]) -> tuple[str, ...]:
    """The keys among them that need a restart."""
    return tuple(one.key for one in differences if one.taken is Uptake.RESTART)
