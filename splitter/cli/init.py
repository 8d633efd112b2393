"""splitter init: asks for what nobody else can know, and writes a configuration that runs. Does I/O."""

from __future__ import annotations

import grp
import os
import re
import secrets
import socket
from pathlib import Path

import click

from splitter.cli.text import fail, say
from splitter.config.advice import advice
from splitter.config.beginning import Answers, beginning
from splitter.config.load import load
from splitter.core.errors import ConfigError
from splitter.core.keys import ValueProblem
from splitter.core.net import Address
from splitter.core.values import parse_host, parse_pattern, split_port
from splitter.transport.certificate import self_signed

SIP, DESK = 5060, 8443
SERVICE = "splitter"  # the user and group of systemd/splitter.service


class _Place(click.ParamType):  # type: ignore[type-arg]
    """An IP address with a port, or with the usual one."""

    name = "ADDRESS[:PORT]"

    def __init__(self, port: int) -> None:
        self._port = port

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Address:
        if isinstance(value, Address):
            return value
        try:
            host, port = split_port(str(value).strip())
            return Address(parse_host(host), port or self._port)
        except ValueProblem as problem:
            self.fail(f"{problem.what}; {problem.remedy}", param, ctx)


class _Numbers(click.ParamType):  # type: ignore[type-arg]
    """A regular expression for called numbers."""

    name = "PATTERN"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            parse_pattern(str(value))
        except ValueProblem as problem:
            self.fail(f"{problem.what}; {problem.remedy}", param, ctx)
        return str(value)


@click.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--sbc", type=_Place(SIP), prompt="The operator's SBC, where callers come from")
@click.option("--centre", type=_Place(SIP), prompt="Your voice centre (PBX, ACD), where their voice goes")
@click.option("--outer", type=_Place(SIP), help="Our address towards the SBC; by default the one that leads there.")
@click.option("--inner", type=_Place(SIP), help="Our address towards the centre; by default the one that leads there.")
@click.option("--numbers", type=_Numbers(), default=".*", help="Called numbers that go to the centre; by default all.")
@click.option("--trusted/--untrusted", default=True, help="Whether the SBC vouches for callers' numbers (RFC 3325).")
@click.option("--agent", default="", help="Extension of a first agent, who gets a desk in the browser.")
@click.option("--desk", type=_Place(DESK), help="Where agents' browsers come to; by default our address inside.")
@click.option("--folder", default="", help="For what is kept, without root; by default those of a service.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.pass_context
def init(
    ctx: click.Context,
    file: Path | None,
    sbc: Address,
    centre: Address,
    outer: Address | None,
    inner: Address | None,
    numbers: str,
    trusted: bool,
    agent: str,
    desk: Address | None,
    folder: str,
    force: bool,
) -> None:
    """Write a first configuration to FILE, by default the one that the service reads.

    Asks for the SBC and the voice centre where they are not given. Everything else has a default: our own addresses
    are those from which these two are reached.
    """
    file = file or Path(ctx.obj[1])
    if file.exists() and not force:
        fail(f"{file} is there already; --force writes over it")
    outer = outer or _own_towards(sbc)
    inner = inner or _own_towards(centre)
    if agent and not re.fullmatch(r"[A-Za-z0-9_.+-]{1,64}", agent):
        fail(f'"{agent}" is no extension; use letters and digits')
    if agent and desk is None:
        desk = Address(inner.host, DESK)
    password = secrets.token_urlsafe(12) if agent else ""
    certificate = file.with_name("desk.pem") if desk is not None else None
    answers = Answers(
        sbc, centre, outer, inner, numbers, trusted, desk, certificate.name if certificate else "", agent, password,
        str(Path(folder).resolve()) if folder else "",
    )  # fmt: skip
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if folder:
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        if certificate is not None and desk is not None and not certificate.exists():
            _write(certificate, self_signed(desk.host, socket.gethostname()))
        _write(file, beginning(answers))
        settings = load(file)
    except OSError as error:
        fail(f"{error.filename or file} cannot be written: {error.strerror}")
    except ConfigError as error:
        fail("\n".join(error.problems))
    for warning in advice(settings):
        click.echo(f"warning: {warning}", err=True)
    _say_next(file, answers)


def _own_towards(neighbour: Address) -> Address:
    """The address of ours from which a neighbour is reached."""
    family = socket.AF_INET6 if ":" in neighbour.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as end:
        try:
            end.connect((neighbour.host, neighbour.port))
        except OSError as error:
            fail(f"there is no way to {neighbour.host} ({error.strerror}): say our address with --outer and --inner")
        return Address(end.getsockname()[0], SIP)


def _write(file: Path, text: str) -> None:
    """A file for its owner alone, since it holds passwords or a key; and for the service's user where there is one."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        os.fchmod(handle, 0o600)
        if os.geteuid() == 0 and (group := _group()) is not None:
            os.fchown(handle, 0, group)
            os.fchmod(handle, 0o640)
        stream.write(text)


def _group() -> int | None:
    try:
        return grp.getgrnam(SERVICE).gr_gid
    except KeyError:
        return None


def _say_next(file: Path, answers: Answers) -> None:
    say(f"{file} is written.")
    say(f"  the SBC {answers.sbc} calls us at {answers.outer}")
    say(f"  we call the centre {answers.centre} from {answers.inner}: let it take voice calls from there")
    if answers.desk is not None:
        say(f"  agents go to https://{answers.desk}/; the certificate is one of our own, which browsers warn of")
    if answers.agent:
        say(f"  agent {answers.agent}, password {answers.password}")
    say(f"Next: splitter doctor -c {file}; splitter run -c {file}; splitter reference explains every key.")
