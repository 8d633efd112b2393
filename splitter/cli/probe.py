"""splitter probe: a test call through the running gateway and its real trunks, judged from outside."""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

import click

from splitter.calls.settings import Role, Srtp, Trunk
from splitter.cli.text import FAILED, NOT_RUNNING, fail, say, say_json
from splitter.config.load import load
from splitter.config.model import Settings
from splitter.core.errors import ConfigError, LocalError
from splitter.core.net import Address
from splitter.transport.settings import Network

if TYPE_CHECKING:
    from splitter.lab.probe import ProbePlan


@dataclass(frozen=True, slots=True)
class ProbeWays:
    """The addresses of a test call; see `splitter.lab.probe.ProbePlan`."""

    gateway: Address
    host: str
    desk_host: str
    behind: dict[str, str]


@click.command()
@click.argument("number")
@click.option("-c", "--config", "file", type=click.Path(), help="Configuration file; by default the service's.")
@click.option(
    "--trunk", "name", metavar="NAME", help="Trunk whose caller it is to be; by default the first of its role."
)
@click.option("--caller", metavar="NUMBER", default="0000", show_default=True, help="Number that seems to call.")
@click.option("--from", "own", metavar="ADDRESS", help="Address to call from; by default the gateway's own there.")
@click.option("--echo", is_flag=True, help="The number sends back what it hears: both ways are proved by a tone.")
@click.option(
    "--tone", "tones", metavar="HZ", type=float, multiple=True, help="The number plays this tone; repeatable."
)
@click.option("--raise", "asks", is_flag=True, help="Call with voice alone, then ask for video, which is accepted.")
@click.option("--limit", "limit_s", type=click.IntRange(5, 300), default=90, show_default=True, help="Seconds at most.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def probe(
    ctx: click.Context,
    number: str,
    file: str | None,
    name: str | None,
    caller: str,
    own: str | None,
    echo: bool,
    tones: tuple[float, ...],
    asks: bool,
    limit_s: int,
    as_json: bool,
) -> None:
    """Call NUMBER through the running gateway with video, as a phone behind the SBC would, and judge what comes of it.

    A simulated phone calls on a trunk of role access, and a simulated desk joins. NUMBER is best one that your centre
    answers by itself, such as an echo. It takes one call's place for some ten seconds, is marked as a test call in the
    trace and the records, and needs nothing in the configuration. Exit code 1 where something does not work.
    """
    from splitter.lab.probe import ProbePlan  # it brings PyAV, numpy and aiortc

    settings = _settings(file or ctx.obj[1])
    trunk = _trunk(settings, name)
    ways = ways_of(settings.networks[trunk.network], settings.networks[settings.media_network], own)
    plan = ProbePlan(
        number=number,
        caller=caller,
        trunk=trunk.name,
        gateway=ways.gateway,
        host=ways.host,
        desk_host=ways.desk_host,
        control_socket=ctx.obj[0] or settings.control_socket,
        echo=echo,
        tones_hz=tones,
        asks=asks,
        limit_s=float(limit_s),
        behind=ways.behind,
    )
    sys.exit(_run(plan, as_json))


def _run(plan: ProbePlan, as_json: bool) -> int:
    from aiohttp import ClientError

    from splitter.lab.demo import INTERRUPTED, ProgressLine, run, table
    from splitter.lab.probe import ProbeRefused, TrialCall

    for quiet in ("aiortc", "aioice"):
        logging.getLogger(quiet).setLevel(logging.ERROR)
    progress = ProgressLine(sys.stderr)
    made: list[TrialCall] = []

    async def main() -> bool:
        made.append(TrialCall(plan, progress))  # on the loop
        await made[0].run()
        return True

    try:
        done = run(main)
    except ProbeRefused as error:
        fail(f"no test call was let in: {error}")
    except (OSError, LocalError, ClientError) as error:
        fail(f"the probe cannot run from {plan.host}, over {plan.control_socket}: {error}", NOT_RUNNING)
    finally:
        progress.done()
    if done is None:
        return INTERRUPTED
    checks, unjudged = made[0].checks, made[0].unjudged
    ok = bool(checks) and all(check.ok for check in checks)
    if as_json:
        rest = [{"name": name, "why": why} for name, why in unjudged]
        say_json({"ok": ok, "checks": [asdict(check) for check in checks], "not_judged": rest})
        return 0 if ok else FAILED
    say(table(checks))
    for name, why in unjudged:
        say(f"not judged: {name}: {why}")
    return 0 if ok else FAILED


def _settings(file: str) -> Settings:
    try:
        return load(file)
    except ConfigError as error:
        fail("\n".join(error.problems))


def _trunk(settings: Settings, name: str | None) -> Trunk:
    """The trunk that is called on: of this name, or the first that takes what the probe can offer."""
    found = settings.trunks_of(Role.ACCESS)
    if name is not None:
        found = tuple(trunk for trunk in found if trunk.name == name)
        if not found:
            known = ", ".join(trunk.name for trunk in settings.trunks_of(Role.ACCESS))
            fail(f'no trunk of role access is named "{name}"; there are: {known}')
    clear = [trunk for trunk in found if trunk.srtp is not Srtp.REQUIRED]
    if not clear:
        fail(f"{found[0].name} takes encrypted media alone, and the probe has none; --trunk names another one")
    return clear[0]


def ways_of(network: Network, desk: Network, own: str | None) -> ProbeWays:
    """Find how a test caller on this machine reaches the gateway: at its own address, or where that is any, at ours.

    Args:
        network: of the trunk. desk: of the desks. own: the address to call from, None for the usual one.
    """
    near = _listener(network)
    ours = own or _here(near.host, near.host)
    gateway = Address(_here(near.host, ours), near.port)
    sides = [(one.advertised_address, _here(one.media_address, ours)) for one in (network, desk)]
    return ProbeWays(gateway, ours, sides[1][1], {named: host for named, host in sides if named})


def _here(host: str, ours: str) -> str:
    """An address of this machine; "any address" is each of them, such as ours."""
    if not ip_address(host).is_unspecified:
        return host
    return ours if not ip_address(ours).is_unspecified else "::1" if ":" in host else "127.0.0.1"


def _listener(network: Network) -> Address:
    """Where SIP of this network is heard over UDP, which is what the probe speaks."""
    for one in network.listeners:
        if one.transport == "udp":
            return one.address
    fail(f"network {network.name} does not listen on UDP, which the probe speaks; --trunk names one on another network")
