"""sipconf/splitter.toml: the reference must load, hold every key, and tell the true defaults."""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from splitter.calls.logins.access import ApiSettings, Token
from splitter.calls.logins.accounts import Account, RegistrarSettings
from splitter.calls.settings import CallSettings, MonitorSettings, OverloadSettings, Role, Route, Trunk
from splitter.calls.webhook import Webhook
from splitter.config.fields import declared
from splitter.config.load import load, parse
from splitter.config.model import CONTROL_SOCKET, Settings
from splitter.config.reference import reference
from splitter.media.settings import MediaSettings
from splitter.store.settings import StoreSettings
from splitter.telemetry.settings import TelemetrySettings
from splitter.transport.settings import DnsSettings, Network, TlsSettings, TransportSettings
from tests.cli.kit import splitter

REFERENCE = Path(__file__).parents[2] / "sipconf" / "splitter.toml"

TABLES = {
    Account: "account",
    ApiSettings: "api",
    CallSettings: "calls",
    DnsSettings: "dns",
    MediaSettings: "media",
    MonitorSettings: "monitor",
    Network: "network",
    OverloadSettings: "overload",
    RegistrarSettings: "registrar",
    Route: "route",
    Settings: "",
    StoreSettings: "store",
    TelemetrySettings: "log",
    TlsSettings: "network",
    Token: "token",
    TransportSettings: "transport",
    Trunk: "trunk",
    Webhook: "webhook",
}


def uncommented() -> str:
    """The reference with every key that is shown behind "#" taken into use."""
    return re.sub(r"(?m)^#(\w+ = )", r"\1", REFERENCE.read_text(encoding="utf-8"))


def keys(data: dict[str, object]) -> set[str]:
    found = set()
    for table, content in data.items():
        inner = content if isinstance(content, list) else [content]
        for entry in inner:
            assert isinstance(entry, dict)
            named = list(entry.values()) if table in ("network", "trunk") else [entry]
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
        shown = parse(uncommented())
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


class TestEveryKeyIsRead:
    """A key that the loader knows but does not use would be worse than an unknown one."""

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("gateway.name", '"other"'),
            ("gateway.max_calls", "7"),
            ("gateway.drain_limit_s", "60"),
            ("gateway.control_socket", '"/other.sock"'),
            ("calls.consult_limit_s", "9.5"),
            ("calls.consent_limit_s", "30.5"),
            ("calls.leave_on_transfer", "false"),
            ("calls.rejoin_window_s", "90.5"),
            ("calls.bitrate_kbps", "512"),
            ("calls.session_expires_s", "600"),
            ("calls.min_session_expires_s", "120"),
            ("calls.end_on_missed_refresh", "true"),
            ("media.workers", "3"),
            ("media.first_port", "20000"),
            ("media.last_port", "50001"),
            ("media.quarantine_s", "1.5"),
            ("media.slate_text", '"other"'),
            ("media.slate_picture", '"/other.png"'),
            ("media.request_limit_s", "1.5"),
            ("media.socket_dir", '"/other"'),
            ("transport.tcp_connect_limit_s", "1.5"),
            ("transport.tcp_idle_limit_s", "99.5"),
            ("transport.tcp_message_limit_s", "1.5"),
            ("transport.tcp_connections", "7"),
            ("transport.message_limit_bytes", "9999"),
            ("transport.udp_request_limit_bytes", "999"),
            ("transport.resolve_limit_s", "1.5"),
            ("transport.tcp_connections_per_source", "7"),
            ("transport.handshake_limit_s", "1.5"),
            ("transport.handshakes", "7"),
            ("transport.keep_alive_s", "7.5"),
            ("transport.source_messages_per_s", "7"),
            ("transport.ban_after", "7"),
            ("transport.ban_window_s", "7.5"),
            ("transport.ban_s", "7.5"),
            ("monitor.answer_limit_s", "1.5"),
            ("monitor.failures_down", "7"),
            ("monitor.successes_up", "7"),
            ("monitor.jitter_factor", "1.5"),
            ("overload.video_lag_s", "0.05"),
            ("overload.refuse_lag_s", "1.5"),
            ("overload.video_cpu", "0.5"),
            ("overload.refuse_cpu", "1.5"),
            ("overload.recover_s", "7.5"),
            ("overload.retry_after_s", "7"),
            ("dns.servers", '["10.0.0.53", "10.0.0.54:5353"]'),
            ("dns.limit_s", "1.5"),
            ("registrar.min_expires_s", "61"),
            ("registrar.max_expires_s", "1800"),
            ("registrar.contacts", "7"),
            ("registrar.seats", "7"),
            ("store.path", '"/other.db"'),
            ("store.max_age_days", "1.5"),
            ("store.max_size_mb", "7"),
            ("store.digits", "true"),
            ("api.insecure", "true"),
            ("api.proxies", '["127.0.0.1", "10.0.0.0/24"]'),
            ("api.web_origins", '["https://crm.example"]'),
            ("api.media_network", '"core"'),
            ("api.guest_url", '"https://video.example/guest/"'),
            ("api.token_lifetime_s", "3600"),
            ("api.secret_file", '"/other"'),
            ("log.format", '"json"'),
            ("log.level", '"error"'),
        ],
    )
    def test_and_changes_the_settings(self, key: str, value: str) -> None:
        plain = REFERENCE.read_text(encoding="utf-8")
        table, _, name = key.partition(".")
        changed, count = re.subn(rf"(?ms)^(\[{table}\]\n.*?)^#{name} = .*?$", rf"\g<1>{name} = {value}", plain, count=1)
        assert count == 1
        before, after = parse(plain), parse(changed)
        assert before != after

    def test_the_list_above_is_complete(self) -> None:
        mark = next(mark for mark in self.test_and_changes_the_settings.pytestmark if mark.name == "parametrize")  # type: ignore[attr-defined]
        tested = {key for key, _ in mark.args[1]}
        elsewhere = {
            key
            for key in EVERY_KEY
            if key.split(".")[0] in ("account", "network", "trunk", "route", "metrics", "token", "webhook")
            or key in ("api.listen", "api.certificate", "api.key", "api.client_ca")  # tests/config/test_api.py
        }
        assert tested == EVERY_KEY - elsewhere
