"""Operations of screenshots, of the notes that keep them with a call, and of pictures that callers are shown."""

from __future__ import annotations

from splitter.calls.logins.access import Scope
from splitter.calls.wrap_up import WrapUpView
from splitter.web import shapes
from splitter.web.calls.find import Finder
from splitter.web.calls.readings import Readings
from splitter.web.http.routes import GoodAnswer, Operation, Query
from splitter.web.ports import PictureView, Ports
from splitter.web.records.wrap_ups import WRAP_UP_BODY, WrapUpRoutes
from splitter.web.stills.pictures import IMAGES, PICTURE_BODY, PictureRoutes
from splitter.web.stills.snapshots import PNG, SnapshotRoutes

_READ = frozenset({Scope.READ, Scope.CONTROL})
_SEE = _READ | {Scope.DESK}
_ACT = frozenset({Scope.CONTROL, Scope.DESK})
_PICTURES = frozenset({Scope.PICTURES, Scope.DESK})
_SEE_PICTURES = _PICTURES | _READ
_CALL = "/v1/calls/{ref}"
_NO_BODY = ""


def stills(ports: Ports, finder: Finder) -> tuple[Operation, ...]:
    """The operations of screenshots, of notes that keep them, and of pictures to show."""
    readings = Readings(ports.recordings, ports.clock)
    snapshots = SnapshotRoutes(ports.calls, finder, ports.album, ports.kept_screenshots, readings)
    wrap_ups = WrapUpRoutes(
        *(ports.calls, ports.archive, finder, ports.access, ports.late_changes, ports.clock),
        *(ports.album, ports.kept_screenshots),
    )
    pictures = PictureRoutes(ports.calls, finder, ports.pictures)
    shots, one = f"{_CALL}/snapshots", "/v1/pictures/{picture}"
    taken = GoodAnswer(201, "a PNG file", kind=PNG, headers=("Location", "Splitter-Taken-At"))
    again = GoodAnswer(200, "the same again", kind=PNG, headers=("Splitter-Taken-At",))
    listed, image = (
        GoodAnswer(200, "pictures, the newest first", shapes.PictureList),
        GoodAnswer(200, "it", kind=IMAGES[0]),
    )
    added, gone = (
        GoodAnswer(201, "the picture", PictureView, headers=("Location",)),
        GoodAnswer(204, "gone", kind=_NO_BODY),
    )
    of, call = Query("of", "the party whose picture it is; the caller"), Query("call", "for this call alone")
    full = ((507, "no-room"),)
    return (
        Operation("POST", shots, _ACT, snapshots.take, "Take a still", (taken,), (of,), faults=((429, "too-many"),)),
        Operation("GET", f"{shots}/{{number}}", _SEE, snapshots.get, "A still that was taken", (again,), kept=True),
        Operation(
            *("PUT", f"{_CALL}/wrap-up", _ACT, wrap_ups.note, "Note what came of a call that is over"),
            (GoodAnswer(200, "it is kept with the call's record", WrapUpView),),
            body=WRAP_UP_BODY,
            faults=((409, "not-ended"), (409, "too-late"), (422, "no-such-disposition")),
            kept=True,
        ),
        Operation(
            *("POST", "/v1/pictures", _PICTURES, pictures.add, "Put up a picture", (added,)),
            query=(Query("name", "for people to choose by"), call),
            body=PICTURE_BODY,
            faults=full,
        ),
        Operation("GET", "/v1/pictures", _SEE_PICTURES, pictures.listed, "Pictures to show", (listed,), (call,)),
        Operation("GET", one, _SEE_PICTURES, pictures.get, "One picture", (image,), (call,)),
        Operation("DELETE", one, _PICTURES, pictures.delete, "Take down a picture", (gone,), (call,)),
    )
