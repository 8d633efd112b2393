"""splitter calls, call, hangup: what calls there are, one of them, and its end."""

from __future__ import annotations

import time

import click
import msgspec

from splitter.calls.after.detail import OUTCOMES
from splitter.calls.states import Direction, VideoState
from splitter.calls.view import (
    CallView,
    CarriedView,
    LegView,
    MosaicView,
    PartyView,
    PhoneView,
    SilenceView,
    StrangerView,
    VideoView,
)
from splitter.cli.completing import all_calls, live_calls
from splitter.cli.door import RefusedByGateway, open_door
from splitter.cli.records import moment, print_ended
from splitter.cli.text import clock, fail, fitted, plain, say, say_json, source_words, span, table
from splitter.web.calls.shapes import CarriedShown

_MEDIA = (
    *("MEDIA OF", "KIND", "ROUND TRIP", "FROM IT", "LOST", "JITTER", "MOS"),
    *("TO IT", "LOST", "JITTER", "MOS", "NOT TAKEN"),
)


@click.command()
@click.option("--ended", is_flag=True, help="Calls that ended, the newest first, instead of those alive.")
@click.option("--number", default="", help="Only those from or to this number, or what ends so.")
@click.option("--agent", default="", metavar="EXTENSION", help="Only those of this desk.")
@click.option("--outcome", type=click.Choice(OUTCOMES), help="Only those with this outcome; with --ended.")
@click.option("--since", metavar="WHEN", help="Only those that began since: 2h, 3d, 2026-12-24, 2026-12-24T18:00.")
@click.option("--until", metavar="WHEN", help="Only those that began before.")
@click.option("--limit", type=click.IntRange(1), help="How many at most; 50, and with --csv and --jsonl all.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, one list.")
@click.option("--csv", "form", flag_value="csv", help="Records of ended calls as CSV, times in UTC.")
@click.option("--jsonl", "form", flag_value="jsonl", help="Records of ended calls, one JSON object per line.")
@click.pass_context
def calls(
    ctx: click.Context,
    ended: bool,
    number: str,
    agent: str,
    outcome: str | None,
    since: str | None,
    until: str | None,
    limit: int | None,
    as_json: bool,
    form: str | None,
) -> None:
    """List the calls that are alive, or those that ended. `splitter why` says why one had no voice or no video."""
    if not ended and (form or outcome or since or until):
        raise click.UsageError("--csv, --jsonl, --outcome, --since and --until go with --ended")
    if as_json and (form or outcome or since or until):
        raise click.UsageError("--json lists calls as they are shown; records of them are --csv and --jsonl")
    only = {name: value for name, value in (("number", number), ("extension", agent)) if value}
    door = open_door(ctx)
    try:
        if ended and not as_json:
            times = {name: str(moment(value)) for name, value in (("since", since), ("before", until)) if value}
            wanted = {**only, **times, **({"outcome": outcome} if outcome else {})}
            print_ended(door, wanted, limit, form)
            return
        found = door.listed(CallView, "calls", "calls", limit=min(limit or 50, 1000), ended=int(ended), **only)
    except RefusedByGateway as error:
        fail(str(error))
    if as_json:
        say_json(found)
    elif not found:
        say("no calls")
    else:
        say(_live_table(found))


def _live_table(found: list[CallView]) -> str:
    titles = ["ID", "CODE", "STATE", "FOR", "CALLER", "CALLED", "CENTRE", "AGENT", "VIDEO", "CALLER SEES", "LEGS"]
    rows = [_live_row(view) for view in found]
    if any(view.node for view in found):
        titles.append("NODE")
        rows = [(*row, view.node or "-") for row, view in zip(rows, found, strict=True)]
    return fitted(titles, rows, ("LEGS", "CALLER SEES", "CENTRE", "CODE", "CALLED"))


def _live_row(view: CallView) -> tuple[str, ...]:
    age = span(time.time() - view.started_at)
    names = [leg.name for leg in view.legs if leg.state != "ended"]
    names += [party.name for party in view.parties if party.kind != "sip" and party.state != "left"]
    numbers = (view.caller, view.called)
    room = (view.extension or "-", view.video.state, view.showing, ", ".join(names))
    return (view.call_id, view.short_code, view.state, age, *numbers, view.route or "-", *room)


@click.command()
@click.argument("reference", metavar="ID", shell_complete=all_calls)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def call(ctx: click.Context, reference: str, as_json: bool) -> None:
    """Show one call and its legs. ID may be shortened, or be the short code."""
    door = open_door(ctx)
    try:
        view = door.get(CallView, "calls", reference)
        carried = door.get(CarriedShown, "calls", view.call_id, "quality").carried
    except RefusedByGateway as error:
        fail(str(error))
    if as_json:
        say_json(view)
        return
    for title, value in _facts(view):
        say(f"{title:<12}{plain(value)}")
    say()
    say(table(("LEG", "STATE", "TRUNK", "PEER", "AUDIO", "VIDEO", "CALL-ID"), [_leg(leg) for leg in view.legs]))
    if view.parties:
        say()
        titles = ("IN THE ROOM", "KIND", "WHO", "STATE", "SENDS", "SEES", "CLIENT")
        say(table(titles, [_party(party) for party in view.parties]))
    if view.phones:
        say()
        say(
            table(
                ("PHONE", "NUMBER", "STATE", "PART", "VIDEO", "INVITED BY", "REASON"),
                [_phone(view, one) for one in view.phones],
            )
        )
    if carried:
        say()
        say(table(_MEDIA, [_carried(one) for one in carried]))
    for one in carried:
        if one.skew_ms is not None:
            when = "later" if one.skew_ms >= 0 else "earlier"
            unsure = f"give or take {one.skew_uncertainty_ms:.0f} ms"
            say(f"the picture of the {one.name} comes {abs(one.skew_ms):.0f} ms {when} than the voice, {unsure}")


def _facts(view: CallView) -> list[tuple[str, str]]:
    facts = [
        ("call", f"{view.call_id}  (short code {view.short_code})"),
        ("state", view.state),
        ("caller", view.caller),
        ("called", view.called),
        *([("test call", "yes: nobody has called, but splitter probe")] if view.test else []),
        *([("direction", "out: the centre calls")] if view.direction is Direction.OUT else []),
        ("centre", view.route or "-"),
        ("agent", f"{view.extension}  (by {view.bound_by})" if view.extension else "-"),
        ("video", _video(view.video)),
        ("caller sees", source_words(view.showing)),
        *([("mosaic", _mosaic(view.mosaic))] if view.mosaic is not None else []),
        *(("not taken", _stranger(stranger)) for stranger in view.strangers),
        *(("no voice", _silence(silence)) for silence in view.silences),
        ("started", clock(view.started_at)),
        ("answered", clock(view.answered_at)),
    ]
    known = view.facts
    if known.access_network:
        facts.append(("access", known.access_network))
    if known.latitude is not None:
        around = f" ± {known.radius_m:.0f} m" if known.radius_m is not None else ""
        facts.append(("location", f"{known.latitude:.5f} {known.longitude:.5f}{around} {known.civic_address}".rstrip()))
    if known.charging_id:
        facts.append(("charging id", known.charging_id))
    if known.location_uri:
        facts.append(("location at", known.location_uri))
    if view.ended_at is not None:
        facts.append(("ended", f"{clock(view.ended_at)}, {view.end_status or 'no status'}: {view.end_reason}"))
    return facts


def _mosaic(mosaic: MosaicView) -> str:
    if mosaic.parties:
        return ", ".join(mosaic.parties)
    return f"not shown, but the speaker: {mosaic.reason or 'it only begins'}"


def _stranger(stranger: StrangerView) -> str:
    what = "voice" if stranger.kind == "audio" else "picture"
    return f"{what} of the {stranger.leg} from {stranger.source}: SDP names {stranger.named}"


def _silence(silence: SilenceView) -> str:
    lasted = "until now or the end" if silence.until is None else f"for {silence.until - silence.since:.0f} s"
    return f"of the {silence.leg}, from {clock(silence.since)} {lasted}: {silence.why}"


def _leg(leg: LegView) -> tuple[str, ...]:
    return (leg.name, leg.state, leg.trunk, leg.peer, leg.audio or "-", leg.video or "-", leg.sip_call_id)


def _party(party: PartyView) -> tuple[str, ...]:
    sends = "picture" if party.sends else "-"
    who = party.extension or party.title or "-"
    return (party.name, party.kind, who, party.state, sends, party.showing, party.client or "-")


def _phone(view: CallView, phone: PhoneView) -> tuple[str, ...]:
    part = f"{phone.part}, muted" if phone.name in view.muted else phone.part
    state = phone.outcome or phone.state
    return (
        phone.name,
        phone.number,
        state,
        part,
        phone.video,
        phone.by or "-",
        phone.reason or phone.video_reason or "-",
    )


def _carried(one: CarriedView) -> tuple[str, ...]:
    """Packets, and how well they came and, as the other end says, went."""
    came = (_share(one.lost, one.packets_in + one.lost), _ms(one.jitter_ms), _score(one.mos))
    went = (_share(one.lost_there, one.packets_out), _ms(one.jitter_there_ms), _score(one.mos_there))
    whose = (one.name, one.kind, _ms(one.round_trip_ms))
    return (*whose, str(one.packets_in), *came, str(one.packets_out), *went, str(one.rejected))


def _share(lost: int, of: int) -> str:
    return f"{min(lost / of, 1.0):.1%}" if of > 0 and lost >= 0 else "-"


def _ms(value: float) -> str:
    return f"{value:g} ms" if value >= 0 else "-"


def _score(mos: float) -> str:
    return f"{mos:.2f}" if mos else "-"


def _video(video: VideoView) -> str:
    """Where it stands, what came of the last question, and whether the handset can."""
    words: list[str] = [video.state]
    if video.outcome:
        words.append(f"last asked: {video.outcome}" + (f" ({video.reason})" if video.reason else ""))
    if video.supported is not None:
        words.append("the handset can" if video.supported else "the handset cannot")
    if video.state == VideoState.ON and not video.sends:
        words.append("no picture comes")
    return "; ".join(words)


@click.command()
@click.argument("reference", metavar="ID", shell_complete=live_calls)
@click.pass_context
def hangup(ctx: click.Context, reference: str) -> None:
    """End a call: BYE or a final response to all its legs."""
    try:
        answer = msgspec.json.decode(open_door(ctx).read("DELETE", "calls", reference), type=dict[str, str])
    except RefusedByGateway as error:
        fail(str(error))
    say(f"hanging up {answer['call_id']}")
