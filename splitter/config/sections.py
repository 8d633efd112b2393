"""The tables of the configuration file, one function each. sipconf/splitter.toml documents every key."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from splitter.calls.settings import CallSettings, Choice, MediaSources, Role, Route, Trunk
from splitter.config.accounts import with_login
from splitter.config.model import CONTROL_SOCKET
from splitter.config.reader import Table, ValueProblem, suggest
from splitter.config.trunks import TRUNK_TRANSPORTS, parse_target, with_binding, with_watch
from splitter.config.values import (
    default_port,
    parse_address,
    parse_pattern,
    parse_peer,
)
from splitter.core.net import Address
from splitter.media.settings import MediaSettings
from splitter.store.settings import StoreSettings
from splitter.telemetry.log import FORMATS, LEVELS
from splitter.telemetry.settings import TelemetrySettings

CALL_ID_HEADERS = ("user-to-user", "x-splitter-call")
SOCKET_PATH_BYTES = 107  # sun_path of unix(7), less its final zero


def read_gateway(table: Table, calls: Table, base: Path) -> tuple[CallSettings, str]:
    """[gateway] and [calls].

    Returns: the settings of calls, and the path of the control socket.
    """
    default = CallSettings()
    settings = CallSettings(
        name=table.take_text("name", default.name),
        max_calls=table.take_integer("max_calls", default.max_calls, 1, 100_000),
        drain_limit_s=table.take_number("drain_limit_s", default.drain_limit_s, 0, 86_400),
        consult_limit_s=calls.take_number("consult_limit_s", default.consult_limit_s, 1, 32),
        leave_on_transfer=calls.take_flag("leave_on_transfer", default.leave_on_transfer),
        rejoin_window_s=calls.take_number("rejoin_window_s", default.rejoin_window_s, 5, 3600),
        consent_limit_s=calls.take_number("consent_limit_s", default.consent_limit_s, 5, 180),
        bitrate_kbps=calls.take_integer("bitrate_kbps", default.bitrate_kbps, 64, 20_000),
        session_expires_s=calls.take_integer("session_expires_s", default.session_expires_s, 0, 86_400),
        min_session_expires_s=calls.take_integer("min_session_expires_s", default.min_session_expires_s, 90, 86_400),
        end_on_missed_refresh=calls.take_flag("end_on_missed_refresh", default.end_on_missed_refresh),
    )
    # The name goes into Server and User-Agent (RFC 3261 §20.35) and the s= line of SDP.
    if not re.fullmatch(r"[A-Za-z0-9.!%*_+`'~-]+(/[A-Za-z0-9.!%*_+`'~-]+)?", settings.name):
        table.problem("name", f'"{settings.name}" cannot stand in a SIP header', 'use one word, such as "splitter"')
    control_socket = _path(base, table.take_text("control_socket", CONTROL_SOCKET))
    if len(control_socket.encode()) > SOCKET_PATH_BYTES:
        table.problem("control_socket", f"is longer than {SOCKET_PATH_BYTES} bytes", "use a shorter path")
    table.finish()
    calls.finish()
    return settings, control_socket


def read_trunk(table: Table) -> Trunk:
    """[trunk.NAME]"""
    role = Role(table.take_text("role", Role.ACCESS, tuple(Role)))
    if "role" not in table:
        table.problem("role", "is missing", f"add what stands there: role = one of {', '.join(Role)}")
    network = table.take_text("network", "")
    if "network" not in table:
        table.problem("network", "is missing", "add the name of our network that faces it")
    transport = table.take_text("transport", "udp", TRUNK_TRANSPORTS)
    address = table.take_parsed("address", partial(parse_target, port=default_port(transport)))
    peers = tuple(table.take_list("peers", parse_peer))
    if "peers" not in table and isinstance(address, Address):
        peers = (parse_peer(address.host),)
    default = Trunk(table.name, role, network, peers)
    trunk = Trunk(
        name=table.name,
        role=role,
        network=network,
        peers=peers,
        address=address,
        transport=transport,
        trusted=table.take_flag("trusted", default.trusted),
        call_id_headers=_call_id_headers(table, default),
        answer_limit_s=table.take_number("answer_limit_s", default.answer_limit_s, 0.5, 32),
        ring_limit_s=table.take_number("ring_limit_s", default.ring_limit_s, 1, 3600),
        reliable_provisional=table.take_flag("reliable_provisional", default.reliable_provisional),
        delayed_offer=table.take_flag("delayed_offer", default.delayed_offer),
        tls_name=table.take_text("tls_name", default.tls_name),
        bannable=table.take_flag("bannable", default.bannable),
        media_sources=MediaSources(table.take_text("media_sources", default.media_sources, tuple(MediaSources))),
    )
    trunk = with_binding(table, with_watch(table, with_login(table, trunk)))
    table.finish()
    return trunk


def _call_id_headers(table: Table, default: Trunk) -> tuple[str, ...]:
    headers = tuple(table.take_list("call_id_headers", _parse_call_id_header))
    return headers if "call_id_headers" in table else default.call_id_headers


def _parse_call_id_header(text: str) -> str:
    if text.lower() not in CALL_ID_HEADERS:
        raise ValueProblem(f'"{text}" cannot carry the call id', suggest(text, CALL_ID_HEADERS))
    return text.lower()


def read_route(table: Table) -> Route:
    """[[route]]"""
    called = table.take_parsed("called", parse_pattern)
    if "called" not in table:
        table.problem("called", "is missing", 'add the called numbers, such as called = "110|119"; ".*" for all')
    trunks = tuple(table.take_list("to", str))
    if not table.listed("to"):
        table.problem("to", "names no trunk", 'add the centres to try, in order, such as to = ["pbx"]')
    number = table.take_text("number", "")
    choice = Choice(table.take_text("choice", Choice.ORDER, tuple(Choice)))
    groups = [int(group) for group in re.findall(r"\\(\d+)", number)]
    if called is not None and any(group > called.groups for group in groups):
        table.problem(
            "number",
            f'"{number}" uses group {max(groups)}, but "called" has {called.groups}',
            "put (…) around it there",
        )
    table.finish()
    return Route(called or re.compile(""), trunks, number, choice)


def read_media(table: Table, base: Path) -> MediaSettings:
    """[media]"""
    default = MediaSettings()
    picture = table.take_text("slate_picture", default.slate_picture)
    settings = MediaSettings(
        workers=table.take_integer("workers", default.workers, 0, 256),
        first_port=table.take_integer("first_port", default.first_port, 1024, 65_534),
        last_port=table.take_integer("last_port", default.last_port, 1025, 65_535),
        quarantine_s=table.take_number("quarantine_s", default.quarantine_s, 0, 3600),
        slate_text=table.take_text("slate_text", default.slate_text),
        slate_picture=_path(base, picture) if picture else "",
        request_limit_s=table.take_number("request_limit_s", default.request_limit_s, 0.1, 30),
        socket_dir=_path(base, table.take_text("socket_dir", default.socket_dir)),
    )
    table.finish()
    return settings


def read_store(table: Table, base: Path) -> StoreSettings:
    """[store]"""
    default = StoreSettings()
    path = table.take_text("path", default.path)
    settings = StoreSettings(
        path=path if path == ":memory:" else _path(base, path),
        max_age_days=table.take_number("max_age_days", default.max_age_days, 0.01, 36_500),
        max_size_mb=table.take_integer("max_size_mb", default.max_size_mb, 1, 10_000_000),
        digits=table.take_flag("digits", default.digits),
    )
    table.finish()
    return settings


def read_telemetry(log: Table, metrics: Table) -> TelemetrySettings:
    """[log] and [metrics]"""
    default = TelemetrySettings()
    settings = TelemetrySettings(
        log_format=log.take_text("format", default.log_format, FORMATS),
        log_level=log.take_text("level", default.log_level, LEVELS),
        metrics=metrics.take_parsed("listen", parse_address),
    )
    log.finish()
    metrics.finish()
    return settings


def _path(base: Path, text: str) -> str:
    """A path of the file; a relative one starts where the configuration file is."""
    return str(base / text)
