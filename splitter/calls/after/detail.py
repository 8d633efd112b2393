"""One row about a call that has ended: all that it is billed and reported by. Does no I/O.

It is made of the call's view as it was kept, so that CSV, JSON lines, the API and the webhook "ended" tell the same. A
view of an older version has less in it, and its row says "" or null there.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from splitter.calls.after.diagnosis import seen_by, why
from splitter.calls.after.wrap_up import WrapUpView
from splitter.calls.carried import AUDIO
from splitter.calls.peers.causes import outcome
from splitter.calls.states import Side
from splitter.calls.view import CallView, CarriedView, StayView

ANSWERED = "answered"
OUTCOMES = (ANSWERED, "cancelled", "busy", "no-answer", "refused", "failed")


@dataclass(frozen=True, slots=True)
class Stay:
    """Somebody who was in the call beside the caller and the centre: `who` is an extension, a name or a number."""

    name: str
    kind: str
    who: str
    from_at: float | None
    to_at: float | None


@dataclass(frozen=True, slots=True)
class LegQuality:
    """How well the voice of a leg came from it and went to it; null is unknown.

    Losses are shares, 0 to 1; MOS is that of ITU-T G.107; what went to it is as its RTCP says.
    """

    from_loss: float | None = None
    from_jitter_ms: float | None = None
    from_mos: float | None = None
    to_loss: float | None = None
    to_jitter_ms: float | None = None
    to_mos: float | None = None
    round_trip_ms: float | None = None


@dataclass(frozen=True, slots=True)
class CallDetail:
    """One ended call.

    Times are Unix seconds; null where it did not happen, or is not known.

    Attributes:
        trunk: that the caller is on. route: the trunk of the centre.
        agent: extension of the agent who had it at its end; bound_by: what told us.
        wait_s: until it was answered. queue_s: from then until an agent had it.
        voice_s: from the answer to its end. from_caller_voice_s, from_centre_voice_s: of that, without the times in
            which no voice came though it should.
        from_caller_video_s, to_caller_video_s: the caller's picture came; the caller was shown a person.
        video: who was seen: "both", "caller only", "agent only", "none"; "" where nobody counted.
        no_video: why not both.
        no_voice: why the voice did not go both ways; "" where it did.
        consent: what came of the last question for video; consent_reason in words.
        links: links to browsers, by what became of each: "delivered", "opened", "failed" …
        stays: who else was in it.
        recording: the id of its latest recording; "" where there is none.
        test: nobody has called, but `splitter probe`.
        left_out: of whom nothing was recorded. consents: of guests, each with the text that it agreed to.
        rating: by the caller, 1 to 5; 0 for none.
    """

    call_id: str
    node: str
    direction: str
    caller: str
    called: str
    trunk: str
    route: str
    agent: str
    bound_by: str
    outcome: str
    status: int
    reason: str
    started_at: float
    rang_at: float | None
    answered_at: float | None
    agent_at: float | None
    ended_at: float | None
    wait_s: float | None
    queue_s: float | None
    voice_s: float
    from_caller_voice_s: float
    from_centre_voice_s: float
    from_caller_video_s: float
    to_caller_video_s: float
    video: str
    no_video: str
    no_voice: str
    consent: str
    consent_reason: str
    links: tuple[str, ...]
    stays: tuple[Stay, ...]
    caller_leg: LegQuality
    centre_leg: LegQuality
    recording: str = ""
    test: bool = False
    left_out: tuple[str, ...] = ()
    consents: tuple[str, ...] = ()
    rating: int = 0
    disposition: str = ""
    note: str = ""
    noted_by: str = ""
    noted_at: float | None = None
    screenshots: tuple[int, ...] = ()


def detail_of(view: CallView) -> CallDetail:
    """The row about a call that has ended."""
    course, ended_at = view.course, view.ended_at
    voice_s = _between(view.answered_at, ended_at) or 0.0
    judged = why(view, view.carried, ()) if view.answered_at is not None and view.carried else None
    seen, noted = seen_by(view), view.wrap_up or WrapUpView("", "", "", 0.0)
    return CallDetail(
        call_id=view.call_id,
        node=view.node,
        direction=view.direction.value,
        caller=view.caller,
        called=view.called,
        trunk=next((leg.trunk for leg in view.legs if leg.name == Side.CALLER), ""),
        route=view.route,
        agent=view.extension,
        bound_by=view.bound_by,
        outcome=outcome_of(view),
        status=view.end_status,
        reason=view.end_reason,
        started_at=view.started_at,
        rang_at=course.rang_at,
        answered_at=view.answered_at,
        agent_at=course.bound_at,
        ended_at=ended_at,
        wait_s=_between(view.started_at, view.answered_at),
        queue_s=_between(view.answered_at, course.bound_at),
        voice_s=voice_s,
        from_caller_voice_s=_voice_s(view, Side.CALLER, voice_s),
        from_centre_voice_s=_voice_s(view, Side.CENTRE, voice_s),
        from_caller_video_s=course.from_caller_s,
        to_caller_video_s=course.to_caller_s,
        video=seen,
        no_video="" if judged is None or judged.video.fine else judged.video.words,
        no_voice="" if judged is None or judged.voice.fine else judged.voice.words,
        consent=view.video.outcome,
        consent_reason=view.video.reason,
        links=course.links,
        stays=tuple(_stay(stay) for stay in course.stays),
        caller_leg=_quality(view, Side.CALLER),
        centre_leg=_quality(view, Side.CENTRE),
        recording=view.recording.id,
        test=view.test,
        left_out=view.recording.left_out,
        consents=tuple(f"{one.party} {one.version}" for one in view.consents),
        rating=view.rating,
        disposition=noted.disposition,
        note=noted.note,
        noted_by=noted.by,
        noted_at=noted.at or None,
        screenshots=noted.screenshots,
    )


def outcome_of(view: CallView) -> str:
    """The outcome of a call: one of OUTCOMES."""
    return ANSWERED if view.answered_at is not None else outcome(view.end_status)


def _between(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else round(max(0.0, end - begin), 1)


def _voice_s(view: CallView, side: Side, voice_s: float) -> float:
    """The time for which a side was heard, as far as is known."""
    found = _voice_of(view, side)
    if found is None or not found.packets_in:
        return 0.0
    missed = (_between(one.since, one.until or view.ended_at) for one in view.silences if one.leg == side)
    return round(max(0.0, voice_s - sum(filter(None, missed))), 1)


def _voice_of(view: CallView, side: Side) -> CarriedView | None:
    return next((one for one in view.carried if (one.name, one.kind) == (side, AUDIO)), None)


def _quality(view: CallView, side: Side) -> LegQuality:
    found = _voice_of(view, side)
    if found is None:
        return LegQuality()
    came, went = found.packets_in > 0, found.packets_out > 0 and found.lost_there >= 0
    return LegQuality(
        round(found.lost / (found.packets_in + found.lost), 4) if came else None,
        _known(found.jitter_ms),
        found.mos or None,
        round(min(found.lost_there / found.packets_out, 1.0), 4) if went else None,
        _known(found.jitter_there_ms),
        found.mos_there or None,
        _known(found.round_trip_ms),
    )


def _known(value: float) -> float | None:
    return value if value >= 0 else None


def _stay(stay: StayView) -> Stay:
    return Stay(stay.name, stay.kind, stay.extension or stay.title, stay.joined_at, stay.left_at)


# ---- CSV ---------------------------------------------------------------------------------------------------------

_LEGS = ("caller_leg", "centre_leg")
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")


_LATER = (
    *("recording", "test", "left_out", "consents", "rating"),
    *("disposition", "note", "noted_by", "noted_at", "screenshots"),
)
_PLAIN = tuple(one.name for one in fields(CallDetail) if one.name not in (*_LEGS, *_LATER))

COLUMNS = (
    *_PLAIN,
    *(f"{leg.removesuffix('_leg')}_{one.name}" for leg in _LEGS for one in fields(LegQuality)),
    *_LATER,
)
"""The first line of a CSV file; new ones may come at its end."""


def to_csv(rows: Iterable[CallDetail], head: bool = True) -> str:
    """Rows as CSV (RFC 4180), times in UTC (ISO 8601), lists divided by "; ".

    A text that a spreadsheet would take for a formula gets an apostrophe before it; a number in "+…" stays as it is.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    if head:
        writer.writerow(COLUMNS)
    for row in rows:
        quality = [getattr(getattr(row, leg), one.name) for leg in _LEGS for one in fields(LegQuality)]
        plain = [_cell(name, getattr(row, name)) for name in _PLAIN]
        writer.writerow([*plain, *map(_text, quality), *(_cell(name, getattr(row, name)) for name in _LATER)])
    return out.getvalue()


def _cell(name: str, value: object) -> str:
    if name == "stays":
        stays: tuple[Stay, ...] = value  # type: ignore[assignment]
        return _harmless("; ".join(_in_words(stay) for stay in stays))
    if isinstance(value, tuple):
        return _harmless("; ".join(map(str, value)))
    if name == "rating":
        return str(value or "")
    if name.endswith("_at") and isinstance(value, int | float):
        return _time(value)
    if isinstance(value, bool):
        return "yes" if value else ""
    return _harmless(value) if isinstance(value, str) else _text(value)


def _in_words(stay: Stay) -> str:
    times = f"{_time(stay.from_at)}/{_time(stay.to_at)}"
    return f"{stay.name} {stay.who} {times}" if stay.who else f"{stay.name} {times}"


def _time(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _harmless(text: str) -> str:
    number = text[:1] == "+" and text[1:].isdigit()
    return f"'{text}" if text.startswith(_DANGEROUS) and not number else text
