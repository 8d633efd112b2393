"""Where trunks are, how they are watched and limited, and what load costs: keys and tables. Pure."""

from __future__ import annotations

import re
from dataclasses import replace

from splitter.calls.binding import SOURCES
from splitter.calls.settings import MonitorSettings, OverloadSettings, Role, Trunk
from splitter.config.reader import Table, ValueProblem, suggest
from splitter.config.values import SIP_PORT, TRANSPORTS, parse_address, parse_host, parse_pattern, parse_sip_address
from splitter.core.net import Address
from splitter.transport.settings import DnsSettings
from splitter.transport.targets import AUTO, HostName

TRUNK_TRANSPORTS = (*TRANSPORTS, AUTO)
_LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_NAME = re.compile(rf"((?:{_LABEL}\.)*{_LABEL}\.?)(?::(\d{{1,5}}))?")
_LEAST_INTERVAL_S = 1.0


def parse_target(text: str, port: int = SIP_PORT) -> Address | HostName:
    """An address or a host name (RFC 1123 §2.1), both with or without a port.

    Args:
        port: of an address without one; the records of a name say its port.
    """
    name = _NAME.fullmatch(text)
    # A last label of digits alone is no name: it is an address, maybe with a fault.
    if name is None or len(name[1]) > 253 or name[1].rstrip(".").rpartition(".")[2].isdigit():
        try:
            return parse_sip_address(text, port)
        except ValueProblem as error:
            if "port" in error.what:
                raise
            raise ValueProblem(
                f'"{text}" is not an IP address, and not a host name',
                'write such as "10.0.0.5:5060", "[2001:db8::5]:5060" or "pbx.example.com"',
            ) from None
    given = int(name[2]) if name[2] else None
    if given is not None and not 1 <= given <= 65535:
        raise ValueProblem(f'"{text}" has a port out of range', "use a port from 1 to 65535")
    return HostName(name[1].rstrip(".").lower(), given)


def with_watch(table: Table, trunk: Trunk) -> Trunk:
    """The keys of a trunk about its name, its watching and its limits; `table` is [trunk.NAME]."""
    transport = trunk.transport
    if isinstance(trunk.address, HostName) and "transport" not in table:
        transport = AUTO
    interval_s = table.take_number("options_interval_s", trunk.options_interval_s, 0, 3600)
    if 0 < interval_s < _LEAST_INTERVAL_S:
        table.problem("options_interval_s", f"{interval_s:g} is too often", "use 0 for never, or 1 or more")
    max_calls = table.take_integer("max_calls", trunk.max_calls, 0, 100_000)
    if trunk.role is Role.SEAT and max_calls:
        table.problem("max_calls", "does not count seats, which join calls that have their place", "leave it out")
    return replace(
        trunk,
        transport=transport,
        options_interval_s=interval_s,
        max_calls=max_calls,
        calls_per_s=table.take_number("calls_per_s", trunk.calls_per_s, 0, 10_000),
    )


def with_binding(table: Table, trunk: Trunk) -> Trunk:
    """The keys of a centre about whom it gives calls to."""
    sources = tuple(dict.fromkeys(table.take_list("bind_from", _parse_source)))
    for key in ("bind_from", "extension_pattern"):
        if trunk.role is not Role.CENTRE and key in table:
            table.problem(key, "is for trunks of role centre", "leave it out")
    return replace(
        trunk,
        bind_from=sources if "bind_from" in table else trunk.bind_from,
        extension_pattern=table.take_parsed("extension_pattern", _parse_extensions, trunk.extension_pattern),
    )


def _parse_source(text: str) -> str:
    if text.lower() not in SOURCES:
        raise ValueProblem(f'"{text}" names no agents', suggest(text.lower(), SOURCES))
    return text.lower()


def _parse_extensions(text: str) -> re.Pattern[str] | None:
    return parse_pattern(text) if text else None


def read_monitor(table: Table) -> MonitorSettings:
    """[monitor]"""
    default = MonitorSettings()
    settings = MonitorSettings(
        answer_limit_s=table.take_number("answer_limit_s", default.answer_limit_s, 0.1, 32),
        failures_down=table.take_integer("failures_down", default.failures_down, 1, 100),
        successes_up=table.take_integer("successes_up", default.successes_up, 1, 100),
        jitter_factor=table.take_number("jitter_factor", default.jitter_factor, 0, 100),
    )
    table.finish()
    return settings


def read_overload(table: Table) -> OverloadSettings:
    """[overload]"""
    default = OverloadSettings()
    settings = OverloadSettings(
        video_lag_s=table.take_number("video_lag_s", default.video_lag_s, 0.01, 60),
        refuse_lag_s=table.take_number("refuse_lag_s", default.refuse_lag_s, 0.01, 60),
        video_cpu=table.take_number("video_cpu", default.video_cpu, 0.1, 2),
        refuse_cpu=table.take_number("refuse_cpu", default.refuse_cpu, 0.1, 2),
        recover_s=table.take_number("recover_s", default.recover_s, 0, 600),
        retry_after_s=table.take_integer("retry_after_s", default.retry_after_s, 1, 600),
    )
    for video, refuse in (("video_lag_s", "refuse_lag_s"), ("video_cpu", "refuse_cpu")):
        if getattr(settings, video) > getattr(settings, refuse):
            table.problem(video, f"is more than {refuse}", "video is to be refused before voice: lower it")
    table.finish()
    return settings


def read_dns(table: Table) -> DnsSettings:
    """[dns]"""
    default = DnsSettings()
    settings = DnsSettings(
        servers=tuple(table.take_list("servers", _parse_server)),
        limit_s=table.take_number("limit_s", default.limit_s, 0.1, 30),
    )
    table.finish()
    return settings


def _parse_server(text: str) -> Address:
    """A name server; port 53 where none is written."""
    try:
        return Address(parse_host(text), 53)
    except ValueProblem:
        return parse_address(text)
