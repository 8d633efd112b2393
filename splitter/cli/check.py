"""splitter check: is this configuration right, and if not, what exactly is wrong."""

from __future__ import annotations

import click

from splitter.cli.text import counted, fail
from splitter.config.advice import advice
from splitter.config.exposure import warnings, writable
from splitter.config.load import load
from splitter.config.model import Settings
from splitter.config.sms import carrier_of, text_warnings
from splitter.core.errors import ConfigError
from splitter.media.settings import VIDEO_PORTS
from splitter.sms.settings import OUTBOX


@click.command()
@click.argument("file", type=click.Path(), required=False)
@click.pass_context
def check(ctx: click.Context, file: str | None) -> None:
    """Check a configuration file, by default the service's. Prints each problem as FILE:LINE: key: what; remedy."""
    file = file or str(ctx.obj[1])
    try:
        settings = load(file, expiry=True)
    except ConfigError as error:
        click.echo("\n".join(error.problems), err=True)
        fail(counted(len(error.problems), "problem"))
    if problem := writable(file):
        click.echo(problem, err=True)
        fail("1 problem")
    for warning in [*warnings(file, settings), *advice(settings), *text_warnings(settings)]:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"{file}: good")
    for title, value in summary(settings):
        click.echo(f"  {title:<10}{value}")


def summary(settings: Settings) -> list[tuple[str, str]]:
    """What the configuration says, in a few lines."""
    lines = []
    for network in settings.networks.values():
        listeners = ", ".join(f"{listener.transport} {listener.address}" for listener in network.listeners)
        told = f", told as {network.advertised_address}" if network.advertised_address else ""
        lines.append(("network", f"{network.name}: SIP on {listeners}; media on {network.media_address}{told}"))
    for trunk in settings.trunks.values():
        where = f" at {trunk.transport} {trunk.address}" if trunk.address else ""
        trust = ", trusted" if trunk.trusted else ""
        lines.append(("trunk", f"{trunk.name}: {trunk.role} on network {trunk.network}{where}{trust}"))
    for route in settings.routes:
        number = f" as {route.number}" if route.number else ""
        lines.append(("route", f"{route.called.pattern} → {', then '.join(route.trunks)}{number}"))
    media, store = settings.media, settings.store
    workers = counted(media.workers, "worker") if media.workers else "a worker per core"
    ports = f"ports {media.first_port}–{media.last_port} for {media.ports // VIDEO_PORTS} calls with video"
    lines.append(("media", f"{workers}, {ports}"))
    for one in settings.rtpengines:
        users = ", ".join(media.rtpengine_for) or "nowhere: see media.rtpengine_for"
        lines.append(("rtpengine", f"{one.name} at {one.address}, weight {one.weight}: voice of callers from {users}"))
    lines.append(("calls", f"{settings.calls.max_calls} at most"))
    lines.append(("store", f"{store.path}, {store.max_age_days:g} days, {store.max_size_mb} MB"))
    lines += _desks(settings)
    lines.append(("metrics", f"http://{settings.telemetry.metrics}/metrics" if settings.telemetry.metrics else "off"))
    lines.append(("control", settings.control_socket))
    return lines


def _desks(settings: Settings) -> list[tuple[str, str]]:
    """Who may use the API where, and who is told of calls."""
    api, lines = settings.api, []
    where = ", ".join(f"{'https' if api.certificate else 'http'}://{address}" for address in api.listen)
    who = f"{counted(len(settings.accounts), 'account')}, {counted(len(settings.tokens), 'token')}"
    if not (settings.accounts or settings.tokens):
        who = "nobody may use it: there is no [[account]] and no [[token]]"
    if where:
        lines.append(("API", f"{where}: {who}"))
    else:
        unused = f"; {counted(len(settings.tokens), 'token')} without use" if settings.tokens else ""
        lines.append(("API", f"at the control socket alone{unused}"))
    if api.guest_url:
        carrier = carrier_of(settings)
        how = "nothing sends the links by itself" if carrier == OUTBOX else f"links are sent by {carrier}"
        lines.append(("guests", f"{api.guest_url}; {how}"))
    for hook in settings.webhooks:
        lines.append(("webhook", f"{hook.name}: {', '.join(hook.events)} to {hook.url}"))
    return lines
