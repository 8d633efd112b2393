"""The table [cluster], and what is wrong with it. Does I/O: asks for the name of the machine."""

from __future__ import annotations

import socket
from dataclasses import replace
from urllib.parse import urlsplit

from splitter.cluster.settings import ClusterSettings, parse_name
from splitter.config.fields import declared, read
from splitter.config.model import Settings
from splitter.config.reader import Problems, Table
from splitter.core.keys import ValueProblem
from splitter.core.net import is_loopback


def read_cluster(table: Table) -> ClusterSettings:
    """Read [cluster]; a host without a name is called as its machine is."""
    settings = read(table, ClusterSettings, _check_cluster)
    return replace(settings, host=settings.host or socket.gethostname()) if settings.node else settings


def _check_cluster(table: Table, settings: ClusterSettings) -> None:
    written = [item.name for item in declared(ClusterSettings) if item.name in table]
    if not settings.node:
        if written and "node" not in table:
            table.problem(written[0], "has no meaning without a node", 'add node = "NAME", or remove the table')
        return
    if not settings.valkey and not table.problems.within((*table.path, "valkey")):
        table.problem("valkey", "is missing", 'say where it is, such as valkey = ["valkey://10.1.0.40:6379"]')
    if settings.sentinel and any(url.startswith("unix:") for url in settings.valkey):
        table.problem("valkey", "names a socket, where no Sentinel is", 'write it such as "valkey://10.1.0.40:26379"')
    if settings.sentinel_password_file and not settings.sentinel:
        table.problem("sentinel_password_file", "has no meaning without a Sentinel", "add sentinel, or remove it")
    if bool(settings.certificate) != bool(settings.key):
        table.problem("certificate", "stands without its key, or the key without it", "add the other one")
    secure = any(url.startswith("rediss:") for url in settings.valkey)
    for name in ("ca", "certificate", "key"):
        if settings.valkey and getattr(settings, name) and not secure:
            table.problem(name, "has no meaning without TLS", 'use "valkeys://…", or remove it')
    if not settings.host:
        try:
            parse_name(socket.gethostname())
        except ValueProblem as problem:
            table.problem(
                "host", f"is missing, and that of the machine will not do: {problem.what}", 'add host = "NAME"'
            )


def check_cluster(settings: Settings, problems: Problems) -> None:
    """Add what others could hear of what nodes say to each other."""
    url = urlsplit(settings.cluster.api_url)
    if url.scheme == "http" and not settings.api.insecure and not is_loopback(url.hostname or ""):
        what = "others can hear what goes there: logins of agents, numbers of callers"
        problems.add(("cluster", "api_url"), what, "use https, or api.insecure = true")


def freed(settings: Settings) -> Settings:
    """The settings of a node, whose addresses may be another host's while it starts."""
    if not settings.cluster.node:
        return settings
    return replace(
        settings,
        transport=replace(settings.transport, freebind=True),
        media=replace(settings.media, freebind=True),
        api=replace(settings.api, freebind=True),
    )
