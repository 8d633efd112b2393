"""What a call's steps tell: to desks, to whoever asked, into the trace, the log and the counters of operators."""

from __future__ import annotations

import structlog

from splitter.calls.call import Call
from splitter.calls.talk import commands as c
from splitter.calls.view import LinkWanted, Notice
from splitter.core.text import plain
from splitter.telemetry import metrics

log = structlog.get_logger(__name__)

_COUNTERS = {
    c.Counted.BINDINGS: metrics.calls.BINDINGS,
    c.Counted.WEBRTC_JOINS: metrics.calls.WEBRTC_JOINS,
    c.Counted.VIDEO_QUESTIONS: metrics.calls.VIDEO_QUESTIONS,
    c.Counted.VOICES_MISSED: metrics.quality.VOICES_MISSED,
    c.Counted.TRANSFERS: metrics.calls.TRANSFERS,
}


def tell_people(command: c.PeopleCommand, call: Call) -> None:
    """Carry out a command that tells something."""
    match command:
        case c.Note():
            call.note(command.words, command.leg, command.kind)
        case c.Tell():
            call.tell_soon()
        case c.Notify():
            _notify(command, call)
        case c.WantLink():
            call.catch_up()
            call.services.bus.publish(LinkWanted(call.talk.call_id, command.by, command.language, command.reason))
        case c.Count():
            _count(command)
        case c.Log():
            _log(command, call)
        case c.WarnOfStranger():
            _warn_of_stranger(command, call)
        case c.AnswerAsk():
            call.catch_up()  # who has asked finds it done
            if command.written:
                call.write_down()
            command.asked.answer(command.value)
        case c.DenyAsk():
            command.asked.deny(command.status, command.code, command.words)
        case _:
            raise TypeError(f"nobody carries out {type(command).__name__}")


def _notify(command: c.Notify, call: Call) -> None:
    call.note(command.words, command.party)
    call.catch_up()
    notice = Notice(call.talk.call_id, command.code, plain(command.words), command.party, plain(command.extension))
    call.services.bus.publish(notice)


def _count(command: c.Count) -> None:
    if command.what is c.Counted.SEATS_JOINED:
        metrics.calls.SEATS_JOINED.inc(command.by)
    elif command.what is c.Counted.RECORDINGS_STOPPED:
        metrics.recordings.STOPPED.inc(command.by)
    else:
        _COUNTERS[command.what].labels(command.label).inc(command.by)


def _log(command: c.Log, call: Call) -> None:
    about = {"call_id": call.talk.call_id, **command.about}
    if command.error is not None:
        log.error(command.words, exc_info=command.error, **about)
    else:
        log.info(command.words, **about)


def _warn_of_stranger(command: c.WarnOfStranger, call: Call) -> None:
    trunk, source, named = command.trunk, command.source, command.named
    if call.services.strangers.heard(trunk, source, call.live.now):
        log.warning("media not taken", call_id=call.talk.call_id, trunk=trunk, source=source, sdp=named)
