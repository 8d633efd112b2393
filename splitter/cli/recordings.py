"""splitter record, recordings: what is recorded, and what became of it."""

from __future__ import annotations

import time
from pathlib import Path

import click
import msgspec

from splitter.calls.after.detail import OUTCOMES
from splitter.calls.after.diagnosis import SEEN
from splitter.cli.completing import live_calls
from splitter.cli.door import RefusedByGateway, open_door
from splitter.cli.text import clock, counted, fail, fitted, say, say_json, span
from splitter.core.errors import ConfigError, LocalError
from splitter.media.record.settings import RecordingSettings

ACTIONS = {
    "start": "the call is recorded from now on",
    "pause": "nothing is recorded, until it is resumed",
    "resume": "the call is recorded again",
    "stop": "the recording has ended",
    "exclude": "nothing of {} is recorded from now on",
    "include": "{} is recorded again",
}
_FORKED = {
    "on": "who listens has the call, as long as it is recorded",
    "off": "who listens does not have the call",
    "by-rule": "who listens has the call where the rules of [fork] say so",
}
_REASON = click.option("--reason", default="", help="Why; it stands in the ledger.")
_LOOK_S = 1.0
_ID = click.argument("recording", metavar="ID")


@click.command()
@click.argument("reference", metavar="CALL", shell_complete=live_calls)
@click.argument("action", type=click.Choice(list(ACTIONS)))
@click.argument("party", required=False)
@click.pass_context
def record(ctx: click.Context, reference: str, action: str, party: str | None) -> None:
    """Begin, pause, resume or end the recording of a call; exclude PARTY from it, or include it again.

    PARTY is "caller", "centre" (the agent), or a name that `splitter call` shows, such as phone-1.
    """
    wish = {"action": action, **({"party": party} if party else {})}
    try:
        open_door(ctx).send("POST", wish, "calls", reference, "recording")
    except RefusedByGateway as error:
        fail(str(error))
    say(ACTIONS[action].format(party))


@click.command()
@click.argument("reference", metavar="CALL", shell_complete=live_calls)
@click.argument("wish", type=click.Choice(list(_FORKED)))
@click.pass_context
def fork(ctx: click.Context, reference: str, wish: str) -> None:
    """Let who listens have a call that is recorded, or not; by-rule: as [fork] has it."""
    try:
        open_door(ctx).send("POST", {"fork": wish}, "calls", reference, "fork")
    except RefusedByGateway as error:
        fail(str(error))
    say(_FORKED[wish])


@click.group()
def recordings() -> None:
    """List, check, export, hold and delete recordings."""


@recordings.command("list")
@click.option("--number", help="Of the caller, or the called one.")
@click.option("--agent", help="The extension that had the call.")
@click.option("--route", help="The trunk of the centre.")
@click.option("--call", "call", help="The call's id or short code.")
@click.option("--since", type=click.DateTime(), help="Begun then or later.")
@click.option("--until", type=click.DateTime(), help="Begun before.")
@click.option("--state", type=click.Choice(["recording", "paused", "ended", "stopped", "deleted"]), help="How it is.")
@click.option("--outcome", type=click.Choice(OUTCOMES), help="Of the call, as in its record.")
@click.option("--video", type=click.Choice(SEEN), help="Who was seen.")
@click.option("--consent", help="What came of the last question for video, such as refused.")
@click.option("--limit", default=50, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Everything that is known, as JSON.")
@click.pass_context
def listed(ctx: click.Context, /, as_json: bool, **query: object) -> None:
    """List recordings, the newest first."""
    from splitter.media.record.index import RecordingRow

    asked = {name: value.timestamp() if hasattr(value, "timestamp") else value for name, value in query.items()}
    try:
        rows = open_door(ctx).listed(RecordingRow, "recordings", "recordings", **asked)  # type: ignore[arg-type]
    except RefusedByGateway as error:
        fail(str(error))
    if as_json:
        say_json(rows)
        return
    shown = [
        (
            f"{row.id} (at {row.node})" if row.node else row.id,
            clock(row.began),
            span((row.ended or time.time()) - row.began),
            row.caller,
            row.agent or "-",
            f"{row.state}{', held' if row.held else ''}",
            f"{sum(part.size for part in row.parts) / 1e6:.1f} MB",
        )
        for row in rows
    ]
    say(fitted(("ID", "BEGAN", "TOOK", "CALLER", "AGENT", "STATE", "SIZE"), shown))


@recordings.command()
@click.option("--folder", type=click.Path(path_type=Path), help="Of the recordings; by default that of [recording].")
@click.option("--key", type=click.Path(path_type=Path), help="The public key, from where nobody could change it.")
@click.option("--authority", type=click.Path(), help="Certificates that time stamps come from; timestamp_ca.")
@click.pass_context
def verify(ctx: click.Context, folder: Path | None, key: Path | None, authority: str | None) -> None:
    """Say whether recordings are as they were made: what was changed, is missing, or was added. Needs no gateway."""
    from splitter.media.record.keys import key_file, public_of, read_public
    from splitter.media.record.seal_keys import SealKeys
    from splitter.media.record.shelf import RecordingShelf
    from splitter.media.record.stamps import read_roots
    from splitter.media.record.verify import examine

    settings = RecordingSettings()
    if folder is None or key is None:
        settings = _settings(ctx)
        made = key_file(settings.folder, settings.key)
        folder = folder or Path(settings.folder)
        key = key or public_of(made)
    try:
        shelf = RecordingShelf(folder, SealKeys(), settings.store_place) if settings.store else None
        found = examine(folder, read_public(key), shelf, read_roots(authority or settings.timestamp_ca))
    except LocalError as error:
        fail(str(error))
    for path in found.unended:
        say(f"{path}: is being written, or was left by a recorder that was killed; not checked")
    if found.wrong:
        fail("\n".join([*found.wrong, f"{counted(len(found.wrong), 'finding')}: these recordings prove nothing"]))
    say(f"{counted(found.files, 'file')} and {found.entries} entries of the ledger are as they were made")


@recordings.command()
@_ID
@click.argument("target", type=click.Path(path_type=Path), default=".")
@click.pass_context
def export(ctx: click.Context, recording: str, target: Path) -> None:
    """Write the files of a recording into the folder TARGET; the ledger says that you did."""
    from splitter.media.record.index import RecordingRow

    door = open_door(ctx)
    try:
        row = msgspec.json.decode(door.read("GET", "recordings", recording), type=RecordingRow)
        named: list[tuple[str, tuple[str, ...]]] = [
            (f"{row.id}.{part.number}.mkv", ("files", str(part.number))) for part in row.parts
        ]
        named += [(Path(one.path).name, ("beside", str(one.number))) for one in row.beside]
        if row.film is not None and row.film.state == "ready":
            named.append((f"{row.id}.mp4", ("film",)))
        for name, words in named:
            file = target / name
            door.save(file, "recordings", row.id, *words, export=1)
            say(f"{file}: {file.stat().st_size} bytes")
    except RefusedByGateway as error:
        fail(str(error))
    except OSError as error:
        fail(f"{error.filename or target} cannot be written: {error.strerror}")


@recordings.command()
@_ID
@click.option("--wait", is_flag=True, help="Until it is ready, or has failed.")
@click.pass_context
def render(ctx: click.Context, recording: str, wait: bool) -> None:
    """Have the film of a recording made (MP4: both sides, side by side), when the machine has time."""
    from splitter.media.record.index import RecordingRow

    door = open_door(ctx)
    try:
        row = msgspec.json.decode(door.read("POST", "recordings", recording, "film"), type=RecordingRow)
        while wait and row.film is not None and row.film.state in ("waiting", "rendering"):
            time.sleep(_LOOK_S)
            row = msgspec.json.decode(door.read("GET", "recordings", recording), type=RecordingRow)
    except RefusedByGateway as error:
        fail(str(error))
    film = row.film
    if film is None or film.state == "failed":
        fail(f"{recording} has no film: {film.reason if film is not None else 'it was deleted'}")
    if film.state == "ready":
        say(f"{recording}: its film is ready{f'; {film.reason}' if film.reason else ''}")
    else:
        say(f"{recording}: its film is made when the machine has time ({film.state})")


@recordings.command()
@_ID
@click.option("--off", is_flag=True, help="It may be deleted again; as `release`.")
@_REASON
@click.pass_context
def hold(ctx: click.Context, recording: str, off: bool, reason: str) -> None:
    """Let nothing delete a recording, whatever its age (legal hold)."""
    _hold(ctx, recording, not off, reason)


@recordings.command()
@_ID
@_REASON
@click.pass_context
def release(ctx: click.Context, recording: str, reason: str) -> None:
    """Let a recording be deleted again that was held."""
    _hold(ctx, recording, False, reason)


def _hold(ctx: click.Context, recording: str, held: bool, reason: str) -> None:
    try:
        open_door(ctx).send("PUT", {"held": held, "reason": reason}, "recordings", recording, "hold")
    except RefusedByGateway as error:
        fail(str(error))
    say(f"{recording} is held" if held else f"{recording} may be deleted again")


@recordings.command()
@_ID
@_REASON
@click.pass_context
def delete(ctx: click.Context, recording: str, reason: str) -> None:
    """Delete the files of a recording; that it was there, and who deleted it, stays known."""
    try:
        open_door(ctx).read("DELETE", "recordings", recording, reason=reason)
    except RefusedByGateway as error:
        fail(str(error))
    say(f"{recording} is deleted")


@recordings.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--key", type=click.Path(), help="The file of keys; by default seal_key of [recording].")
@click.pass_context
def unseal(ctx: click.Context, file: Path, target: Path, key: str | None) -> None:
    """Write FILE, as it lies in the folder of recordings, to TARGET without its seal. Needs no gateway."""
    from splitter.media.record.seal_keys import SealKeys
    from splitter.media.record.unsealing import unseal_file

    settings = RecordingSettings() if key else _settings(ctx)
    try:
        size = unseal_file(file, target, SealKeys(key or settings.seal_key, settings.seal_command))
    except (LocalError, OSError) as error:
        fail(str(error))
    say(f"{target}: {size} bytes")


@recordings.command("new-key")
@click.pass_context
def new_key(ctx: click.Context) -> None:
    """Add a key that seals recordings from tomorrow on, or from the next restart; the ones before stay."""
    from splitter.media.record.seal_keys import add_key

    path = _settings(ctx).seal_key
    if not path:
        fail("there is no [recording] seal_key in the configuration")
    try:
        say(f"{path}: key {add_key(Path(path))} was added; keep a copy of the file elsewhere")
    except LocalError as error:
        fail(str(error))


def _settings(ctx: click.Context) -> RecordingSettings:
    from splitter.config.load import load

    _, config_path = ctx.find_root().obj
    try:
        settings = load(config_path).recording
    except ConfigError as error:
        fail("\n".join(error.problems))
    if not settings.folder:
        fail("there is no [recording] folder in the configuration: name one with --folder, and its key with --key")
    return settings
