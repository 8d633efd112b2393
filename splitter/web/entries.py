"""Operations on who else is in a call (phones in its voice, desks in its video, its host), and on recordings."""

from __future__ import annotations

from splitter.calls.logins.access import Scope
from splitter.media.record.index import RecordingRow
from splitter.media.record.render_job import Peaks
from splitter.web import shapes
from splitter.web.calls.admissions import HOST_BODY, AdmissionRoutes
from splitter.web.calls.find import Finder
from splitter.web.calls.phones import PART_BODY, PHONE_BODY, VOICE_BODY, PhoneRoutes
from splitter.web.http.routes import GoodAnswer, Operation, Query
from splitter.web.ports import Ports
from splitter.web.recordings.films import MP4, PLAY, FilmRoutes
from splitter.web.recordings.folder import RecordingFolder
from splitter.web.recordings.recordings import FORK_BODY, HOLD_BODY, MATROSKA, RECORDING_BODY, RecordingRoutes

_ACT = frozenset({Scope.CONTROL, Scope.DESK})
_LISTEN = frozenset({Scope.CONTROL, Scope.SUPERVISE})
_HEAR = _ACT | _LISTEN
_CALL = "/v1/calls/{ref}"
_NO_BODY = ""
_CONTROL = frozenset({Scope.CONTROL})
_ADMIN = frozenset({Scope.ADMIN})
_LISTEN_LATER = frozenset({Scope.RECORDINGS, Scope.OWN_RECORDINGS})


def recordings(ports: Ports, finder: Finder) -> tuple[Operation, ...]:
    """Recordings of calls."""
    recorded = RecordingFolder(ports.recordings, ports.clock)
    routes = RecordingRoutes(ports.calls, finder, recorded, ports.elsewhere)
    done, gone = GoodAnswer(200, "the recorder does so", shapes.CallId), GoodAnswer(204, "it is gone", kind=_NO_BODY)
    forked = GoodAnswer(200, "it is so from now on", shapes.CallId)
    listed = GoodAnswer(200, "recordings, the newest first", shapes.RecordingList)
    row, file = GoodAnswer(200, "the recording", RecordingRow), GoodAnswer(200, "the file, or a range", kind=MATROSKA)
    missing, none = (404, "no-such-recording"), (409, "no-recording")
    what = (
        Query("number", "of the caller, or the called one"),
        Query("agent", "the extension that had the call"),
        Query("route", "the trunk of the centre"),
        Query("call", "its id or short code"),
        Query("since", "begun then or later: Unix seconds", "number"),
        Query("until", "begun before: Unix seconds", "number"),
        Query("state", "of the recording: recording, paused, ended, stopped (by a fault) or deleted"),
        Query("outcome", "of the call, as in its record, such as answered or failed"),
        Query("video", "who was seen: both, caller only, agent only or none"),
        Query("consent", "what came of the last question for video, such as accepted or refused"),
        Query("limit", "how many at most; 50 where it is left out", "integer"),
    )
    path = "/v1/recordings/{id}"
    return (
        *_films(FilmRoutes(recorded, ports.access, ports.clock), path),
        Operation(
            *(
                "POST",
                f"{_CALL}/recording",
                _ACT,
                routes.record,
                "Record a call, pause, end, or leave somebody out",
                (done,),
            ),
            body=RECORDING_BODY,
            faults=(
                *(none, (409, "recording-already"), (409, "not-recording"), (403, "by-rule"), (503, "no-recorder")),
                *((404, "no-such-party"), (409, "left-out-by-rule"), (409, "left-out-with")),
                *((409, "too-many"), (409, "not-connected")),
            ),
        ),
        Operation(
            *("POST", f"{_CALL}/fork", _CONTROL, routes.fork, "Have who listens get a call, or not", (forked,)),
            body=FORK_BODY,
            faults=((409, "no-fork"), (409, "fork-alone"), (409, "not-recording"), (409, "not-connected")),
        ),
        Operation("GET", "/v1/recordings", _LISTEN_LATER, routes.listed, "Recordings", (listed,), what, faults=(none,)),
        Operation("GET", path, _LISTEN_LATER, routes.one, "One recording", (row,), faults=(missing, none)),
        Operation(
            *("GET", f"{path}/files/{{number}}", _LISTEN_LATER, routes.file, "A file of a recording", (file,)),
            query=(Query("export", "1: it leaves the gateway; the ledger says so", "integer"),),
            faults=(missing, none, (410, "gone"), (503, "no-recorder")),
        ),
        Operation(
            *("PUT", f"{path}/hold", _ADMIN, routes.hold, "Let nothing delete a recording, or let it be", (row,)),
            body=HOLD_BODY,
            faults=(missing, none, (503, "no-recorder")),
        ),
        Operation(
            *("DELETE", path, _ADMIN, routes.delete, "Delete the files of a recording", (gone,)),
            query=(Query("reason", "why; it stands in the ledger"),),
            faults=(missing, none, (409, "held"), (503, "no-recorder")),
        ),
    )


def phones(ports: Ports, finder: Finder) -> tuple[Operation, ...]:
    """Phones that are invited into the voice."""
    video = f"{_CALL}/phones/{{phone}}/video"
    routes = PhoneRoutes(ports.calls, finder, ports.clock)
    made = GoodAnswer(201, "it is being called", shapes.PhoneMade, headers=("Location",))
    gone, done = GoodAnswer(204, "it is gone", kind=_NO_BODY), GoodAnswer(204, "so it is", kind=_NO_BODY)
    refused = (
        (403, "not-allowed"),
        (409, "full"),
        (409, "invited-already"),
        (409, "no-mixer"),
        (429, "too-many"),
        (503, "no-line"),
    )
    return (
        Operation(
            *("POST", f"{_CALL}/phones", _HEAR, routes.invite, "Call a number into the voice", (made,)),
            body=PHONE_BODY,
            faults=refused,
        ),
        Operation(
            *(
                "PUT",
                f"{_CALL}/phones/{{phone}}",
                _LISTEN,
                routes.set_part,
                "Let a phone talk, listen or whisper",
                (done,),
            ),
            body=PART_BODY,
            faults=((404, "no-such-phone"),),
        ),
        Operation(
            *("DELETE", f"{_CALL}/phones/{{phone}}", _HEAR, routes.remove, "Take a phone out, or call it no longer"),
            answers=(gone,),
            faults=((404, "no-such-phone"),),
        ),
        Operation(
            *("POST", video, _ACT, routes.raise_video, "Ask a phone that was invited for its picture", (done,)),
            faults=((404, "no-such-phone"), (409, "asking"), (409, "on"), (409, "voice-only")),
        ),
        Operation(
            *("DELETE", video, _ACT, routes.drop_video, "Let such a phone go back to its voice", (done,)),
            faults=((404, "no-such-phone"),),
        ),
        Operation(
            *("PUT", f"{_CALL}/voices/{{voice}}", _ACT, routes.mute, "Mute a voice, or let it be heard again", (done,)),
            body=VOICE_BODY,
            faults=((404, "no-such-voice"), (409, "pair")),
        ),
        Operation(
            *("DELETE", f"{_CALL}/voices/centre", _HEAR, routes.leave, "The agent leaves, others go on", (gone,)),
            faults=((409, "alone"),),
        ),
    )


def _films(routes: FilmRoutes, path: str) -> tuple[Operation, ...]:
    """Films of recordings, and what is shown beside them."""
    missing = ((404, "no-such-recording"), (409, "no-recording"), (410, "gone"))
    given, film = (*missing, (503, "no-recorder")), (409, "no-film")
    asked = GoodAnswer(202, "it is made when the machine has time; see `film`", RecordingRow)
    mp4, picture = GoodAnswer(200, "the film, or a range", kind=MP4), GoodAnswer(200, "the picture", kind="image/png")
    peaks = GoodAnswer(200, "highest amplitudes, 0 to 100", Peaks)
    events = GoodAnswer(200, "each with its second", shapes.FilmEvents)
    played = GoodAnswer(204, "its cookie holds for an hour", kind=_NO_BODY)
    export = Query("export", "1: it leaves the gateway; the ledger says so", "integer")
    return (
        Operation(
            *("POST", f"{path}/film", _LISTEN_LATER, routes.make, "Have the film of a recording made", (asked,)),
            faults=(*given, (409, "no-films")),
        ),
        Operation(
            *("GET", f"{path}/film", _LISTEN_LATER, routes.film, "The film of a recording: MP4, both sides", (mp4,)),
            query=(export,),
            faults=(*given, film),
            cookie=PLAY,
        ),
        Operation(
            *("POST", f"{path}/play", _LISTEN_LATER, routes.play, "Let this browser's player have the film", (played,)),
            faults=(*given, film),
        ),
        Operation(
            *("GET", f"{path}/peaks", _LISTEN_LATER, routes.peaks, "How loud both sides of a film are", (peaks,)),
            faults=(*missing, film),
        ),
        Operation(
            *("GET", f"{path}/events", _LISTEN_LATER, routes.events, "What happened while it was recorded", (events,)),
            faults=missing,
        ),
        Operation(
            *("GET", f"{path}/beside/{{number}}", _LISTEN_LATER, routes.beside, "A picture beside it", (picture,)),
            query=(export,),
            faults=(*given, (404, "no-such-picture")),
            cookie=PLAY,
        ),
    )


def admissions(ports: Ports, finder: Finder) -> tuple[Operation, ...]:
    """Desks that are let into the video, and the host."""
    routes, one = AdmissionRoutes(ports.calls, finder), f"{_CALL}/admissions/{{extension}}"
    asked = GoodAnswer(202, "the desk that has the call is asked", shapes.CallId)
    done = GoodAnswer(204, "so it is", kind=_NO_BODY)
    faults = ((409, "may-enter"), (422, "no-extension"), (429, "too-many"))
    return (
        Operation(
            *("POST", f"{_CALL}/admissions", frozenset({Scope.DESK}), routes.ask),
            about="Ask to be let into another desk's call",
            answers=(asked,),
            faults=faults,
        ),
        Operation("PUT", one, _ACT, routes.admit, "Let a desk into one's call", (done,), faults=((409, "full"),)),
        Operation("DELETE", one, _ACT, routes.dismiss, "Say no to a desk, or take it back", (done,)),
        Operation(
            *("PUT", f"{_CALL}/host", _ACT, routes.hand_over, "Make another desk the host", (done,)),
            body=HOST_BODY,
            faults=((409, "bound-already"), (409, "not-in-call")),
        ),
    )
