"""splitter token: a new bearer token for the API, with the lines that let it in; or one that is no longer believed."""

from __future__ import annotations

import hashlib
import secrets

import click
import msgspec

from splitter.calls.logins.access import GRANTED, Scope
from splitter.cli.door import RefusedByGateway, open_door
from splitter.cli.text import fail, say


@click.command()
@click.argument("name", required=False)
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in GRANTED]),
    multiple=True,
    default=("calls:read",),
    show_default=True,
    help="What it may do; may be given several times.",
)
@click.option("--extension", default="", help="The desk that it is, for the scope desk.")
@click.option("--revoke", metavar="WHAT", help="A token, its id in the log, or a name: no longer believed.")
@click.option("--web", metavar="CUSTOMER", help="Let this customer begin a call from a browser; asks the gateway.")
@click.pass_context
def token(
    ctx: click.Context,
    name: str | None,
    scopes: tuple[str, ...],
    extension: str,
    revoke: str | None,
    web: str | None,
) -> None:
    """Make a token for the program NAME. The token is shown this once; the configuration has only its hash.

    With --revoke, tokens are no longer valid, at once and without a restart: one of them, or all that a login, an
    extension or the [[token]] of that name has had until now. Those who know the password may log in again.
    """
    if revoke is not None:
        _revoke(ctx, revoke)
        return
    if web is not None:
        click.echo(_of_customer(ctx, web))
        return
    if name is None:
        raise click.UsageError("say whose token it is: splitter token NAME")
    if Scope.DESK in scopes and not extension:
        raise click.UsageError("a token with the scope desk is a desk: say which, with --extension")
    secret = secrets.token_urlsafe(32)
    lines = [
        "[[token]]",
        f"name = {_quoted(name)}",
        f'sha256 = "{hashlib.sha256(secret.encode()).hexdigest()}"',
        f"scopes = [{', '.join(_quoted(scope) for scope in scopes)}]",
    ]
    if extension:
        lines.append(f"extension = {_quoted(extension)}")
    click.echo(f"# Give this to {name}, and to nobody else: Authorization: Bearer {secret}", err=True)
    click.echo("# Add this to the configuration, then: splitter reload", err=True)
    click.echo("\n".join(lines))


def _revoke(ctx: click.Context, what: str) -> None:
    try:
        kept = msgspec.json.decode(open_door(ctx).send("POST", {"token": what}, "revocations"))["kept"]
    except RefusedByGateway as error:
        fail(str(error))
    say("revoked" if kept else "revoked until the next start: it could not be written down; see the log")


def _of_customer(ctx: click.Context, customer: str) -> str:
    try:
        return str(msgspec.json.decode(open_door(ctx).send("POST", {"customer": customer}, "web", "tokens"))["token"])
    except RefusedByGateway as error:
        fail(str(error))


def _quoted(text: str) -> str:
    """As a basic string of TOML."""
    shown = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{shown}"'
