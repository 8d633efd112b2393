"""splitter token: a new bearer token for the API, and the lines of the configuration that let it in."""

from __future__ import annotations

import hashlib
import secrets

import click


@click.command()
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, default=("calls:read",), show_default=True, help="What it may do.")
@click.option("--extension", default="", help="The desk that it is, for the scope seat.")
def token(name: str, scopes: tuple[str, ...], extension: str) -> None:
    """Make a token for the program NAME. The token is shown this once; the configuration has only its hash."""
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
    click.echo("# Add this to the configuration, then restart:", err=True)
    click.echo("\n".join(lines))


def _quoted(text: str) -> str:
    """As a basic string of TOML."""
    shown = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{shown}"'
