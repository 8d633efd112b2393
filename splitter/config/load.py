"""TOML file → Settings, or ConfigError with every problem at once. Does I/O: reads the file."""

from __future__ import annotations

import tomllib
from pathlib import Path

from splitter.calls.browsers.settings import WebCallSettings
from splitter.calls.guest_page import GuestPageSettings
from splitter.calls.logins.access import ApiSettings, Token
from splitter.calls.logins.accounts import Account, RegistrarSettings
from splitter.calls.logins.openid import OpenIdSettings
from splitter.calls.settings import MonitorSettings, OverloadSettings, Route
from splitter.calls.webhook import Webhook
from splitter.config import accounts, api, cluster, networks, sections, sms, webhooks
from splitter.config.checks import check
from splitter.config.fields import read, read_fields
from splitter.config.locate import Locator
from splitter.config.model import Settings
from splitter.config.reader import Problems, Table
from splitter.config.syntax import syntax_problem
from splitter.core.errors import ConfigError
from splitter.media.forward.settings import ForkSettings
from splitter.media.ng.settings import RtpengineSettings
from splitter.media.record.settings import RecordingSettings
from splitter.media.settings import MediaSettings
from splitter.store.settings import StoreSettings
from splitter.telemetry.settings import HepSettings, TelemetrySettings
from splitter.transport.settings import DnsSettings, TransportSettings


def load(path: str | Path, expiry: bool = False) -> Settings:
    """Read a configuration file.

    Args:
        expiry: a certificate that does not hold now is a problem too.
    Raises:
        ConfigError: with one line per problem, "FILE:LINE: key: what is wrong; remedy", in the order of the file.
    """
    file = Path(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}; give the path of a readable file"]) from error
    try:
        text = data.decode("utf-8-sig")  # some editors begin a file with a byte order mark, which says nothing
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path}:{line}: file: is not UTF-8 text; save it as UTF-8"]) from error
    settings, problems = _parse(text, str(path), file.resolve().parent)
    picture = settings.media.slate_picture
    if picture and not Path(picture).is_file():
        problems.add(("media", "slate_picture"), f"there is no file {picture}", "correct the path, or leave it empty")
    networks.check_files(settings.networks, problems, expiry)
    api.check_api_files(settings, problems, expiry)
    webhooks.check_webhook_files(settings, problems)
    sms.check_sms_files(settings, problems)
    if problems:
        raise ConfigError(problems.lines())
    return settings


def parse(text: str, file: str = "configuration", base: Path = Path("/")) -> Settings:
    """The text of a configuration file as Settings. Pure.

    Args:
        text: TOML.
        file: its name, for the problems.
        base: the directory that relative paths start from.
    Raises:
        ConfigError: as for `load`.
    """
    settings, problems = _parse(text, file, base)
    if problems:
        raise ConfigError(problems.lines())
    return settings


def _parse(text: str, file: str, base: Path) -> tuple[Settings, Problems]:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([syntax_problem(file, text, str(error))]) from error
    problems = Problems(file, Locator(text))
    settings = cluster.freed(_read(Table(problems, (), data, base)))
    check(settings, problems)
    return settings, problems


def _read(root: Table) -> Settings:
    calls, control_socket = sections.read_gateway(root.take_table("gateway"), root.take_table("calls"))
    metrics = root.take_table("metrics")
    settings = Settings(
        networks={table.name: networks.read_network(table) for table in root.take_named_tables("network")},
        trunks={table.name: sections.read_trunk(table) for table in root.take_named_tables("trunk")},
        routes=tuple(read(table, Route, sections.check_route) for table in root.take_tables("route")),
        accounts=tuple(read(table, Account, accounts.check_account) for table in root.take_tables("account")),
        registrar=read(root.take_table("registrar"), RegistrarSettings, accounts.check_registrar),
        calls=calls,
        media=read(root.take_table("media"), MediaSettings),
        rtpengines=tuple(
            read(table, RtpengineSettings, name=table.name) for table in root.take_named_tables("rtpengine")
        ),
        transport=read(root.take_table("transport"), TransportSettings),
        monitor=read(root.take_table("monitor"), MonitorSettings),
        overload=read(root.take_table("overload"), OverloadSettings, sections.check_overload),
        dns=read(root.take_table("dns"), DnsSettings),
        store=read(root.take_table("store"), StoreSettings),
        recording=read(root.take_table("recording"), RecordingSettings),
        fork=read(root.take_table("fork"), ForkSettings, sections.check_fork),
        telemetry=read(root.take_table("log"), TelemetrySettings, **read_fields(metrics, TelemetrySettings, "metrics")),
        api=read(root.take_table("api"), ApiSettings, api.check_api_table),
        openid=read(root.take_table("openid"), OpenIdSettings, accounts.check_openid),
        tokens=tuple(read(table, Token, api.check_token) for table in root.take_tables("token")),
        webhooks=tuple(read(table, Webhook, webhooks.check_webhook) for table in root.take_tables("webhook")),
        sms=sms.read_sms(root.take_table("sms")),
        web_calls=read(root.take_table("web_calls"), WebCallSettings),
        guest_page=read(root.take_table("guest_page"), GuestPageSettings),
        hep=read(root.take_table("hep"), HepSettings),
        cluster=cluster.read_cluster(root.take_table("cluster")),
        control_socket=control_socket,
    )
    metrics.finish()
    root.finish()
    return settings
