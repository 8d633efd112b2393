"""TOML file → Settings, or ConfigError with every problem at once. Does I/O: reads the file."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from splitter.config import accounts, api, networks, sections, webhooks
from splitter.config import trunks as trunks_of
from splitter.config.checks import check
from splitter.config.locate import Locator
from splitter.config.model import Settings
from splitter.config.reader import Problems, Table
from splitter.core.errors import ConfigError


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
        text = data.decode()
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
        raise ConfigError([_syntax_problem(file, text, str(error))]) from error
    problems = Problems(file, Locator(text))
    settings = _read(Table(problems, (), data), base)
    check(settings, problems)
    return settings, problems


def _read(root: Table, base: Path) -> Settings:
    calls, control_socket = sections.read_gateway(root.take_table("gateway"), root.take_table("calls"), base)
    sides = {table.name: networks.read_network(table, base) for table in root.take_named_tables("network")}
    trunks = {table.name: sections.read_trunk(table) for table in root.take_named_tables("trunk")}
    settings = Settings(
        networks=sides,
        trunks=trunks,
        routes=tuple(sections.read_route(table) for table in root.take_tables("route")),
        accounts=tuple(accounts.read_account(table) for table in root.take_tables("account")),
        registrar=accounts.read_registrar(root.take_table("registrar")),
        calls=calls,
        media=sections.read_media(root.take_table("media"), base),
        transport=networks.read_transport(root.take_table("transport")),
        monitor=trunks_of.read_monitor(root.take_table("monitor")),
        overload=trunks_of.read_overload(root.take_table("overload")),
        dns=trunks_of.read_dns(root.take_table("dns")),
        store=sections.read_store(root.take_table("store"), base),
        telemetry=sections.read_telemetry(root.take_table("log"), root.take_table("metrics")),
        api=api.read_api(root.take_table("api"), base),
        tokens=tuple(api.read_token(table) for table in root.take_tables("token")),
        webhooks=tuple(webhooks.read_webhook(table, base) for table in root.take_tables("webhook")),
        control_socket=control_socket,
    )
    root.finish()
    return settings


def _syntax_problem(file: str, text: str, message: str) -> str:
    """tomllib ends its messages with "(at line 3, column 9)" or "(at end of document)"."""
    match = re.search(r" \(at line (\d+), column (\d+)\)$", message)
    if match is None:
        line = text.rstrip("\n").count("\n") + 1
        what = message.removesuffix(" (at end of document)")
        return f"{file}:{line}: file: is not TOML: {what} at the end of the file; complete the last entry"
    line, column = int(match[1]), match[2]
    shown = text.splitlines()[line - 1].strip() if line <= len(text.splitlines()) else ""
    shown = re.sub(r"(?s)(password|ha1|sha256|secret).*", r"\1 = …", shown)  # what is secret stays in the file
    return (
        f"{file}:{line}: file: is not TOML: {message[: match.start()]} at column {column}; correct this line: {shown}"
    )
