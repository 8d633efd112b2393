"""`python -m tests.sim`: simulated calls by the thousand, or one seed again.

    python -m tests.sim --seed 17 --calls 50 --loss 0.2
    python -m tests.sim --calls 10000 --loss 0.2 --plain     how many are set up
    python -m tests.sim --calls 500 --digest                 has a change of the code changed one byte on the wire?

Calls are played in worlds of at most 50, with the seeds that follow each other; each world has its own leak check. Exits 1
if anything was wrong, and prints how to play that world again.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from tests.sim.run import Result, Run, Setting

WORLD = 50
SHOWN = 3


def main() -> int:
    """Play what the command line asks for."""
    given = _arguments()
    started = time.monotonic()
    outcomes: Counter[int] = Counter()
    wanted = connected = broken = datagrams = lost = ghosts = 0
    for setting in _settings(given):
        result = Run(setting).play()
        outcomes += result.outcomes
        wanted, connected = wanted + result.wanted, connected + result.connected
        ghosts += result.ghosts
        datagrams, lost = datagrams + result.datagrams, lost + result.lost
        if result.faults:
            broken += 1
            _show(result, given.faults)
        if given.digest:
            print(f"{setting.command}: {result.digest}")
        if sys.stderr.isatty():
            print(f"\r{sum(outcomes.values())} calls, {broken} worlds with faults", end="", file=sys.stderr)
    calls = sum(outcomes.values())
    spent_s = time.monotonic() - started
    print(f"{calls} calls, {datagrams} datagrams ({lost} lost), {spent_s:.0f} s of our time; by final status: ", end="")
    print(", ".join(f"{status}: {count}" for status, count in sorted(outcomes.items())))
    rate = connected / wanted if wanted else 1.0
    if ghosts:
        print(f"{ghosts} phones rang on for a call that had gone elsewhere: nothing they said had arrived")
    if wanted:
        print(f"set up: {connected} of {wanted} ({rate:.3%})")
    print("nothing was wrong" if not broken else f"{broken} worlds with faults")
    return 1 if broken or rate < given.at_least else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--calls", type=int, default=WORLD)
    parser.add_argument("--loss", type=float, default=0.05, help="probability that a datagram is lost")
    parser.add_argument("--plain", action="store_true", help="only calls that everybody wants")
    parser.add_argument("--no-mishaps", action="store_true", help="media never fail")
    parser.add_argument("--no-amnesia", action="store_true", help="calls go on with the values they have")
    parser.add_argument("--deaths", type=int, default=0, help="how often the gateway is killed in each world")
    parser.add_argument("--phones", action="store_true", help="desks invite phones into calls")
    parser.add_argument("--transfers", action="store_true", help="centres hand callers on by REFER")
    parser.add_argument("--srtp", action="store_true", help="all neighbours speak SRTP, with keys in SDP")
    parser.add_argument("--faults", type=int, default=SHOWN, help="how many faults are shown of each world")
    parser.add_argument("--digest", action="store_true", help="print a hash of all datagrams of each world")
    parser.add_argument("--at-least", type=float, default=0.0, help="with --plain: the share that must be set up")
    return parser.parse_args()


def _settings(given: argparse.Namespace) -> list[Setting]:
    settings = []
    for number, first in enumerate(range(0, given.calls, WORLD)):
        calls = min(WORLD, given.calls - first)
        settings.append(
            Setting(
                given.seed + number,
                calls,
                given.loss,
                given.plain,
                mishaps=not given.no_mishaps,
                amnesia=not given.no_amnesia,
                deaths=given.deaths,
                phones=given.phones,
                transfers=given.transfers,
                srtp=given.srtp,
            )
        )
    return settings


def _show(result: Result, most: int) -> None:
    print(f"==== {len(result.faults)} faults; again: {result.setting.command}")
    for fault in result.faults[:most]:
        print(fault)


sys.exit(main())
