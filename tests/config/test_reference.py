"""sipconf/splitter.toml: the reference must load, hold every key, and tell the true defaults."""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path

import pytest

from splitter.calls.browsers.settings import WebCallSettings
from splitter.calls.guest_page import GuestPageSettings
from splitter.calls.logins.access import ApiSettings, Token
from splitter.calls.logins.accounts import Account, RegistrarSettings
from splitter.calls.logins.openid import OpenIdSettings
from splitter.calls.settings import CallSettings, MonitorSettings, OverloadSettings, Role, Route, Trunk
from splitter.calls.webhook import Webhook
from splitter.cluster.settings import ClusterSettings
from splitter.config.fields import declared
from splitter.config.load import load, parse
from splitter.config.model import CONTROL_SOCKET, Settings
from splitter.config.reference import reference
from splitter.media.forward.settings import ForkSettings
from splitter.media.ng.settings import RtpengineSettings
from splitter.media.record.settings import RecordingSettings
from splitter.media.settings import MediaSettings
from splitter.sms.settings import HttpSmsSettings, SipSmsSettings, SmppSettings, SmsSettings, SmsText
from splitter.store.settings import StoreSettings
from splitter.telemetry.settings import HepSettings, TelemetrySettings
from splitter.transport.settings import DnsSettings, Network, TlsSettings, TransportSettings
from tests.cli.kit import splitter

REFERENCE = Path(__file__).parents[2] / "sipconf" / "splitter.toml"

TABLES = {
    Account: "account",
    ApiSettings: "api",
    CallSettings: "calls",
    ClusterSettings: "cluster",
    DnsSettings: "dns",
    GuestPageSettings: "guest_page",
    MediaSettings: "media",
    RtpengineSettings: "rtpengine",
    MonitorSettings: "monitor",
    OpenIdSettings: "openid",
    Network: "network",
    OverloadSettings: "overload",
    HttpSmsSettings: "sms_http",
    RegistrarSettings: "registrar",
    Route: "route",
    Settings: "",
    SipSmsSettings: "sms_sip",
    SmppSettings: "sms_smpp",
    SmsSettings: "sms",
    SmsText: "sms_text",
    StoreSettings: "store",
    RecordingSettings: "recording",
    ForkSettings: "fork",
    TelemetrySettings: "log",
    HepSettings: "hep",
    TlsSettings: "network",
    Token: "token",
    TransportSettings: "transport",
    Trunk: "trunk",
    WebCallSettings: "web_calls",
    Webhook: "webhook",
}


_SMS = ("sms_http", "sms_smpp", "sms_sip")


def uncommented() -> str:
    """The reference with every key that is shown behind "#" taken into use."""
    return re.sub(r"(?m)^#(\w+ = )", r"\1", REFERENCE.read_text(encoding="utf-8"))


def keys(data: dict[str, object]) -> set[str]:
    found = set()
    sms = data.get("sms", {})
    assert isinstance(sms, dict)
    inside = {f"sms_{name}": sms.pop(name) for name in ("http", "smpp", "sip", "text") if name in sms}
    for table, content in (data | inside).items():
        inner = content if isinstance(content, list) else [content]
        for entry in inner:
            assert isinstance(entry, dict)
            named = list(entry.values()) if table in ("network", "trunk", "rtpengine", *_SMS) else [entry]
            found |= {f"{table}.{key}" for values in named for key in values}
    return found


EVERY_KEY = {f"{item.key.table or table}.{item.name}" for kind, table in TABLES.items() for item in declared(kind)}


class TestTheReference:
    def test_is_what_the_declarations_of_the_keys_say(self) -> None:
        remedy = "after a change of a key: splitter reference > sipconf/splitter.toml"
        assert REFERENCE.read_text(encoding="utf-8") == reference(), remedy

    def test_is_printed_by_the_command_line(self) -> None:
        assert splitter("reference").stdout == reference()

    def test_numbers_show_bounds_that_hold_their_defaults(self) -> None:
        numbers = [item for kind in TABLES for item in declared(kind) if item.kind in (int, float)]
        assert len(numbers) > 50
        assert all(item.key.low <= item.default <= item.key.high for item in numbers)

    def test_loads(self) -> None:
        settings = load(REFERENCE)
        assert all(settings.trunks_of(role) for role in Role)

    def test_holds_every_key_of_the_settings_and_no_other(self) -> None:
        assert keys(tomllib.loads(uncommented())) == EVERY_KEY

    def test_every_key_is_read_by_the_loader(self) -> None:
        # The loader reports keys that it does not know; that each known one is used, the defaults' test shows.
        parse(uncommented())

    @pytest.mark.parametrize("part", ["calls", "media", "registrar", "store", "transport", "control_socket"])
    def test_tells_the_true_defaults(self, part: str) -> None:
        shown = parse(uncommented().replace('node = "a"', 'node = ""'))
        defaults = Settings({}, {}, ())
        assert getattr(shown, part) == getattr(defaults, part)

    def test_tells_the_true_defaults_of_trunks_and_logs(self) -> None:
        shown = parse(uncommented())
        for field in fields(Trunk):
            if field.default is not MISSING and field.name != "address":
                assert getattr(shown.trunks["pbx"], field.name) == field.default, field.name
        assert (shown.telemetry.log_format, shown.telemetry.log_level) == ("console", "info")
        assert shown.control_socket == CONTROL_SOCKET

    @pytest.mark.parametrize("key", sorted(EVERY_KEY))
    def test_has_a_comment_for_every_key(self, key: str) -> None:
        lines = REFERENCE.read_text(encoding="utf-8").splitlines()
        name = key.split(".")[1]
        found = [index for index, line in enumerate(lines) if re.match(rf"#?{name} = ", line)]
        # above it, or above the keys that stand together with it
        assert any(_commented(lines, index) for index in found), f"{key} is not explained"


def _commented(lines: list[str], index: int) -> bool:
    while index and re.match(r"#?\w+ = ", lines[index]):
        index -= 1
    return lines[index].startswith("# ")


# Of keys whose text is parsed, or must fit something else in the file.
OTHERS = {
    "recording.trunks": '["sbc"]',
    "recording.recorders": '["archive"]',
    "recording.desks": '["8001"]',
    "recording.exclude": '["expert"]',
    "recording.quota_gb": "500.0",
    "recording.keep_days": "180.0",
    "recording.timestamp_url": '"http://tsa.example/tsr"',
    "recording.store": '"s3://evidence/one"',
    "recording.render": '"all"',
    "recording.keep_days_for": '["pbx:3650"]',
    "fork.url": '"wss://asr.example/calls"',
    "fork.trunks": '["sbc"]',
    "fork.desks": '["8001"]',
    "fork.pictures": '"caller"',
    "gateway.name": '"other"',
    "dns.servers": '["10.0.0.53", "10.0.0.54:5353"]',
    "api.unbound_calls": '"nobody"',
    "api.proxies": '["127.0.0.1", "10.0.0.0/24"]',
    "api.dispositions": '["solved"]',
    "api.web_origins": '["https://crm.example"]',
    "api.media_network": '"core"',
    "media.offload": '"auto"',
    "media.rtpengine_for": '["access"]',
    "api.guest_url": '"https://video.example/guest/"',
    "api.link_url": '"https://v.example/g/"',
    "sms.carrier": '"cloud"',
    "guest_page.files": '["photo", "pdf"]',
    "guest_page.name": '"City Water"',
    "guest_page.name_zh": '"市自来水公司"',
    "guest_page.text": '"For repairs."',
    "guest_page.text_zh": '"用于报修。"',
    "guest_page.privacy_url": '"https://water.example/privacy"',
    "guest_page.consent": '"2026-05"',
    "guest_page.logo": '"/etc/splitter/logo.png"',
    **{f"openid.{key}": '["some"]' for key in ("scopes", "agents", "supervisors", "auditors", "admins")},
    "web_calls.trunk": '"web"',
    "web_calls.origins": '["https://other.example"]',
    "web_calls.captcha_url": '"https://captcha.example/verify"',
    "web_calls.codecs": '["PCMU"]',
    "sms.number": "'1[0-9]{10}'",
    "sms.language": '"zh"',
}
# Their tables are examples, which have tests of their own beside this file.
EXAMPLES = (
    "account",
    "network",
    "trunk",
    "route",
    "metrics",
    "hep",
    "token",
    "webhook",
    "rtpengine",
    "cluster",
    *_SMS,
    "sms_text",
)
OPENID = ("openid.issuer", "openid.client_id", "openid.url")
API = ("api.listen", "api.certificate", "api.key", "api.client_ca", "api.turn_servers", "api.turn_secret", *OPENID)
"""Keys that need each other: tests/config/test_api.py, tests/web/test_relays.py, tests/web/test_openid.py."""
ITEMS = {
    place: (kind, item)
    for kind, table in TABLES.items()
    for item in declared(kind)
    if (place := f"{item.key.table or table}.{item.name}") not in API and place.split(".")[0] not in EXAMPLES
}


def another(place: str) -> str:
    """A value that is not the default, as TOML."""
    _, item = ITEMS[place]
    if place in OTHERS:
        return OTHERS[place]
    if item.kind is bool:
        return str(not item.default).lower()
    if item.kind is int:
        return str(item.default + 2)
    if item.kind is float:
        return f"{item.default * 1.01:g}"
    words = [choice for choice in item.key.choices if choice != item.default]
    return f'"{words[0] if words else "/other"}"'


class TestEveryKeyIsRead:
    """A key that the loader knows but does not use would be worse than an unknown one."""

    @pytest.mark.parametrize("place", ITEMS)
    def test_and_changes_its_field_alone(self, place: str) -> None:
        plain = REFERENCE.read_text(encoding="utf-8")
        table, _, name = place.partition(".")
        line = rf"\g<1>{name} = {another(place)}"
        changed, count = re.subn(rf"(?ms)^(\[{table}\]\n.*?)^#{name} = [^\n]*$", line, plain, count=1)
        assert count == 1
        before, after = leaves(parse(plain)), leaves(parse(changed))
        kind, item = ITEMS[place]
        assert {path for path in before if before[path] != after[path]} == {(kind, item.field)}


def leaves(settings: Settings) -> dict[tuple[type, str], object]:
    """Every field of the settings, and of those parts that are one table each, by its class and name."""
    parts = [
        settings,
        *(part for part in (getattr(settings, field.name) for field in fields(settings)) if is_dataclass(part)),
    ]
    return {
        (type(part), field.name): value
        for part in parts
        for field in fields(part)
        if not is_dataclass(value := getattr(part, field.name))
    }
