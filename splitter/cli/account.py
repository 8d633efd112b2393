"""splitter account: a new account for an agent, a supervisor, an auditor or an administrator, with hashes alone."""

from __future__ import annotations

import os
import secrets
import sys
from pathlib import Path

import click
import segno

from splitter.calls.logins.access import AccountRole
from splitter.calls.logins.accounts import parse_user
from splitter.calls.logins.hashes import hash_of
from splitter.calls.logins.totp import SECRET_BYTES, address_of, secret_text
from splitter.cli.text import fail, say
from splitter.config.load import parse
from splitter.core.errors import ConfigError
from splitter.core.keys import ValueProblem, optional
from splitter.sip.digest import secret_of

_LEAST_LETTERS = 8
_SALT_BYTES = 16
_OF_SEATS = ("SHA-256", "MD5")


@click.group()
def account() -> None:
    """Make accounts of people."""


@account.command()
@click.argument("user")
@click.option("--role", type=click.Choice([role.value for role in AccountRole]), default="agent", show_default=True)
@click.option("--extension", default="", help="Of the same desk in the voice centre, where it is not USER.")
@click.option("--generate", is_flag=True, help="Make a password and show it, instead of asking for one.")
@click.option("--totp", is_flag=True, help="Ask for the six digits of an authenticator app too; shows its QR code.")
@click.option("--realm", metavar="NAME", help="Hashes for a SIP seat as well, which logs in at this realm.")
@click.option("--write", is_flag=True, help="Add the lines to the configuration instead of printing them.")
@click.pass_context
def add(
    ctx: click.Context, user: str, role: str, extension: str, generate: bool, totp: bool, realm: str | None, write: bool
) -> None:
    """Make the lines of an account for USER, whose password stands nowhere: only its Argon2id hash does.

    They go into the configuration, or `--write` adds them to it; then: splitter reload. An account that is there is
    changed by hand: put the new argon2 in the place of the old one, or of the password.
    """
    try:
        parse_user(user)
        optional(parse_user)(extension)
    except ValueProblem as problem:
        raise click.UsageError(str(problem)) from problem
    password = _generated() if generate else _asked()
    lines = ["[[account]]", f'user = "{user}"', f'argon2 = "{hash_of(password, secrets.token_bytes(_SALT_BYTES))}"']
    if realm is not None:
        hashes = (f'"{name}:{secret_of(name, user, realm, password)}"' for name in _OF_SEATS)
        lines.append(f"ha1 = [{', '.join(hashes)}]")
    lines += [f'role = "{role}"'] if role != AccountRole.AGENT else []
    lines += [f'extension = "{extension}"'] if extension else []
    if totp:
        secret = secret_text(secrets.token_bytes(SECRET_BYTES))
        lines.append(f'totp = "{secret}"')
        _show_secret(user, secret)
    if write:
        _add(Path(ctx.obj[1]), user, "\n".join(lines))
    else:
        click.echo("# Add this to the configuration, then: splitter reload", err=True)
        click.echo("\n".join(lines))


def _generated() -> str:
    password = secrets.token_urlsafe(12)
    click.echo(f"# The password, which is shown this once: {password}", err=True)
    return password


def _asked() -> str:
    password = str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))
    if len(password) < _LEAST_LETTERS:
        fail(f"a password has {_LEAST_LETTERS} letters or more; --generate makes a good one")
    return password


def _show_secret(user: str, secret: str) -> None:
    address = address_of(user, "splitter", secret)
    click.echo("# For the authenticator app, this once:", err=True)
    segno.make_qr(address).terminal(sys.stderr, compact=True)
    click.echo(f"# {address}", err=True)


def _add(file: Path, user: str, lines: str) -> None:
    """Add lines to the file, as a whole or not at all, and only if it can be read with them."""
    try:
        file = file.resolve()  # a link stays one
        before = file.read_text()
        text = f"{before.rstrip()}\n\n{lines}\n"
        parse(text, str(file))
        _replace(file, text)
    except ConfigError as error:
        fail(f"{file} would not be right with it, and is as it was:\n" + "\n".join(error.problems))
    except OSError as error:
        fail(f"{file} cannot be changed: {error.strerror or error}")
    say(f"{user} stands in {file}; now: splitter reload")


def _replace(file: Path, text: str) -> None:
    held = file.stat()
    beside = file.with_name(f".{file.name}.new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, held.st_mode & 0o777), "w") as out:
        os.fchmod(out.fileno(), held.st_mode & 0o777)  # whatever the umask takes away: the gateway has to read it
        out.write(text)
        out.flush()
        os.fsync(out.fileno())
    if (beside.stat().st_uid, beside.stat().st_gid) != (held.st_uid, held.st_gid):
        os.chown(beside, held.st_uid, held.st_gid)
    beside.replace(file)
