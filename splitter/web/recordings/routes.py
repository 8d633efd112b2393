"""The routes of recordings, and of their films."""

from __future__ import annotations

from splitter.media.record.index import RecordingRow
from splitter.media.record.render_job import Peaks
from splitter.web.access.scopes import (
    ACT,
    ADMIN,
    CONTROL,
    LISTEN_LATER,
)
from splitter.web.calls import shapes as call_shapes
from splitter.web.calls.find import Finder
from splitter.web.http.routes import CALL, NO_BODY, GoodAnswer, Operation, Query
from splitter.web.ports import Ports
from splitter.web.recordings import shapes
from splitter.web.recordings.films import MP4, PLAY, FilmRoutes
from splitter.web.recordings.folder import RecordingFolder
from splitter.web.recordings.recordings import FORK_BODY, HOLD_BODY, MATROSKA, RECORDING_BODY, RecordingRoutes


def recording_routes(ports: Ports, finder: Finder) -> tuple[Operation, ...]:
    """Recordings of calls."""
    recorded = RecordingFolder(ports.recordings, ports.clock)
    routes = RecordingRoutes(ports.calls, finder, recorded, ports.elsewhere)
    done, gone = (
        GoodAnswer(200, "the recorder does so", call_shapes.CallId),
        GoodAnswer(204, "it is gone", kind=NO_BODY),
    )
    forked = GoodAnswer(200, "it is so from now on", call_shapes.CallId)
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
                f"{CALL}/recording",
                ACT,
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
            *("POST", f"{CALL}/fork", CONTROL, routes.fork, "Have who listens get a call, or not", (forked,)),
            body=FORK_BODY,
            faults=((409, "no-fork"), (409, "fork-alone"), (409, "not-recording"), (409, "not-connected")),
        ),
        Operation("GET", "/v1/recordings", LISTEN_LATER, routes.listed, "Recordings", (listed,), what, faults=(none,)),
        Operation("GET", path, LISTEN_LATER, routes.one, "One recording", (row,), faults=(missing, none)),
        Operation(
            *("GET", f"{path}/files/{{number}}", LISTEN_LATER, routes.file, "A file of a recording", (file,)),
            query=(Query("export", "1: it leaves the gateway; the ledger says so", "integer"),),
            faults=(missing, none, (410, "gone"), (503, "no-recorder")),
        ),
        Operation(
            *("PUT", f"{path}/hold", ADMIN, routes.hold, "Let nothing delete a recording, or let it be", (row,)),
            body=HOLD_BODY,
            faults=(missing, none, (503, "no-recorder")),
        ),
        Operation(
            *("DELETE", path, ADMIN, routes.delete, "Delete the files of a recording", (gone,)),
            query=(Query("reason", "why; it stands in the ledger"),),
            faults=(missing, none, (409, "held"), (503, "no-recorder")),
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
    played = GoodAnswer(204, "its cookie holds for an hour", kind=NO_BODY)
    export = Query("export", "1: it leaves the gateway; the ledger says so", "integer")
    return (
        Operation(
            *("POST", f"{path}/film", LISTEN_LATER, routes.make, "Have the film of a recording made", (asked,)),
            faults=(*given, (409, "no-films")),
        ),
        Operation(
            *("GET", f"{path}/film", LISTEN_LATER, routes.film, "The film of a recording: MP4, both sides", (mp4,)),
            query=(export,),
            faults=(*given, film),
            cookie=PLAY,
        ),
        Operation(
            *("POST", f"{path}/play", LISTEN_LATER, routes.play, "Let this browser's player have the film", (played,)),
            faults=(*given, film),
        ),
        Operation(
            *("GET", f"{path}/peaks", LISTEN_LATER, routes.peaks, "How loud both sides of a film are", (peaks,)),
            faults=(*missing, film),
        ),
        Operation(
            *("GET", f"{path}/events", LISTEN_LATER, routes.events, "What happened while it was recorded", (events,)),
            faults=missing,
        ),
        Operation(
            *("GET", f"{path}/beside/{{number}}", LISTEN_LATER, routes.beside, "A picture beside it", (picture,)),
            query=(export,),
            faults=(*given, (404, "no-such-picture")),
            cookie=PLAY,
        ),
    )
