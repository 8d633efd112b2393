"""The command line. Commands are loaded when they are used, so that `splitter calls` starts without media and SIP.

Layout, one file per group:
    run.py        run: the gateway itself
    init.py       init: a first configuration
    check.py      check: a configuration
    doctor.py     doctor: a configuration, its machine and its neighbours, which examination/ looks at
    probe.py      probe: a test call through the running gateway
    reference.py  reference: a configuration to begin with
    calls.py      calls, call, hangup
    records.py    calls --ended, as a table, CSV or JSON lines
    desks.py      desks
    invite.py     invite
    phones.py     dial, redial, remove, mute, part, leave
    video.py      raise, drop, bind, show, snapshot
    recordings.py record, recordings
    parties.py    host, say
    top.py        top
    trace.py      trace
    why.py        why
    status.py     status
    cluster.py    cluster
    trunks.py     trunks
    seats.py      seats
    token.py      token
    account.py    account add
    demo.py       demo: the gateway with simulated neighbours
    door.py       talks to the running gateway over its control socket
    bans.py       bans
    reload.py     reload, restart
    drain.py      drain
    manual.py     the manual page
    completing.py ids that the shell completes
    text.py       tables, times and exit codes

Exit codes: 0 done; 1 refused or failed, with the reason on standard error; 2 wrong usage; 3 the gateway is not running.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module

import click

from splitter import __version__

# command → (module:attribute, help). The help stands here, so that `splitter --help` loads nothing.
COMMANDS = {
    "run": ("splitter.cli.run:run", "Run the gateway with a configuration file."),
    "media": ("splitter.cli.media:media", "Run one media worker, for a unit of its own."),
    "init": ("splitter.cli.init:init", "Write a first configuration: asks for what nobody else can know."),
    "check": ("splitter.cli.check:check", "Check a configuration file; name every problem, its line and the remedy."),
    "doctor": ("splitter.cli.doctor:doctor", "Say whether this machine and the neighbours will do, with remedies."),
    "probe": ("splitter.cli.probe:probe", "Make a test call through the running gateway and judge what comes of it."),
    "reference": ("splitter.cli.reference:reference", "Print a configuration file that explains every key."),
    "status": ("splitter.cli.status:status", "Show how the gateway is doing."),
    "calls": ("splitter.cli.calls:calls", "List the calls that are alive, or those that ended."),
    "top": ("splitter.cli.top:top", "Show the live calls, the worst first, as they are now."),
    "call": ("splitter.cli.calls:call", "Show one call and its legs."),
    "trace": ("splitter.cli.trace:trace", "Show what happened to a call, over all its legs, as a ladder."),
    "why": ("splitter.cli.why:why", "Say why a call had no voice or no video, and what proves it."),
    "cluster": ("splitter.cli.cluster:cluster", "Show the gateways of this cluster, or hand this one over."),
    "trunks": ("splitter.cli.trunks:trunks", "Show whether the neighbours are there, and how many calls they have."),
    "desks": ("splitter.cli.desks:desks", "List the agents' desks: who is there, and in which call."),
    "seats": ("splitter.cli.seats:seats", "List the SIP seats that are registered."),
    "bans": ("splitter.cli.bans:bans", "List the sources that are banned because they misbehaved, or lift a ban."),
    "reload": ("splitter.cli.reload:reload", "Take what has changed in the configuration; calls go on."),
    "drain": ("splitter.cli.drain:drain", "Take no new calls; those that live go on."),
    "restart": ("splitter.cli.reload:restart", "Begin anew with the configuration as it is now; calls go on."),
    "token": ("splitter.cli.token:token", "Make a bearer token for the API, or revoke tokens."),
    "account": ("splitter.cli.account:account", "Make the account of an agent, a supervisor or an auditor."),
    "dial": ("splitter.cli.phones:dial", "Call a number for a desk, whose phone rings first."),
    "redial": ("splitter.cli.phones:redial", "Call the person of an earlier call once more."),
    "invite": ("splitter.cli.invite:invite", "Send the caller a link for video, or call a phone into the voice."),
    "remove": ("splitter.cli.phones:remove", "Take a phone or a party out of a call."),
    "part": ("splitter.cli.phones:part", "Let a phone talk, only listen, or whisper to the agent."),
    "host": ("splitter.cli.parties:host", "Make another desk in a call its host."),
    "say": ("splitter.cli.parties:say_in_call", "Write a message to those in a call."),
    "leave": ("splitter.cli.phones:leave", "Let the agent's phone leave a call; the others go on."),
    "mute": ("splitter.cli.phones:mute", "Let nobody hear a voice of a call, or all again."),
    "raise": ("splitter.cli.video:raise_video", "Ask the caller for video."),
    "drop": ("splitter.cli.video:drop", "Go back from video to voice."),
    "bind": ("splitter.cli.video:bind", "Give a call to a desk, or take it back."),
    "show": ("splitter.cli.video:show", "Choose what the caller, or somebody else, sees."),
    "snapshot": ("splitter.cli.video:snapshot", "Take a screenshot of the caller's video."),
    "record": ("splitter.cli.recordings:record", "Begin, pause, resume or end the recording of a call."),
    "fork": ("splitter.cli.recordings:fork", "Let who listens have a call, or not."),
    "recordings": ("splitter.cli.recordings:recordings", "List, check, export, hold and delete recordings."),
    "hangup": ("splitter.cli.calls:hangup", "End a call."),
    "demo": ("splitter.cli.demo:demo", "Run the gateway and simulated neighbours on this machine alone."),
}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is meant; one that there is not is refused with the nearest that there is."""
        name = args[0] if args else ""
        if name in COMMANDS or name.startswith("-"):
            return super().resolve_command(ctx, args)
        near = get_close_matches(name.lower(), COMMANDS, n=2, cutoff=0.5)
        hint = f"did you mean {' or '.join(near)}?" if near else "`splitter --help` lists all"
        raise click.UsageError(f'there is no command "{name}"; {hint}', ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--socket",
    "socket_path",
    envvar="SPLITTER_SOCKET",
    metavar="PATH",
    help="Control socket of the gateway; by default that of the configuration file.",
)
@click.option(
    "--config",
    "config_path",
    envvar="SPLITTER_CONFIG",
    metavar="FILE",
    default="/etc/splitter/splitter.toml",
    show_default=True,
    help="Configuration file that names the control socket.",
)
@click.version_option(__version__, prog_name="splitter")
@click.pass_context
def main(ctx: click.Context, socket_path: str | None, config_path: str) -> None:
    """Gives an existing voice call centre video.

    A call is named by its id, the beginning of it, its short code, or the caller's number.

    Exit codes: 0 it is done; 1 it was refused or failed, and the reason is on standard error; 2 it was used wrongly; 3
    the gateway is not running. NO_COLOR=1 leaves colours out; what goes to no terminal has none, and its tables are
    whole.
    """
    ctx.obj = (socket_path, config_path)
