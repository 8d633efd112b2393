"""The routes of screenshots, and of pictures that callers are shown."""

from __future__ import annotations

from splitter.web.access.scopes import ACT, PICTURES, SEE, SEE_PICTURES
from splitter.web.calls.find import Finder
from splitter.web.calls.readings import Readings
from splitter.web.http.routes import CALL, NO_BODY, GoodAnswer, Operation, Query
from splitter.web.ports import PictureView, Ports
from splitter.web.stills import shapes
from splitter.web.stills.pictures import IMAGES, PICTURE_BODY, PictureRoutes
from splitter.web.stills.snapshots import PNG, SnapshotRoutes


def still_routes(ports: Ports, finder: Finder) -> tuple[Operation, ...]:
    """Screenshots, and pictures to show."""
    readings = Readings(ports.recordings, ports.clock)
    snapshots = SnapshotRoutes(ports.calls, finder, ports.album, ports.kept_screenshots, readings)
    pictures = PictureRoutes(ports.calls, finder, ports.pictures)
    shots, one = f"{CALL}/snapshots", "/v1/pictures/{picture}"
    taken = GoodAnswer(201, "a PNG file", kind=PNG, headers=("Location", "Splitter-Taken-At"))
    again = GoodAnswer(200, "the same again", kind=PNG, headers=("Splitter-Taken-At",))
    listed, image = (
        GoodAnswer(200, "pictures, the newest first", shapes.PictureList),
        GoodAnswer(200, "it", kind=IMAGES[0]),
    )
    added, gone = (
        GoodAnswer(201, "the picture", PictureView, headers=("Location",)),
        GoodAnswer(204, "gone", kind=NO_BODY),
    )
    of, call = Query("of", "the party whose picture it is; the caller"), Query("call", "for this call alone")
    full = ((507, "no-room"),)
    return (
        Operation("POST", shots, ACT, snapshots.take, "Take a still", (taken,), (of,), faults=((429, "too-many"),)),
        Operation("GET", f"{shots}/{{number}}", SEE, snapshots.get, "A still that was taken", (again,), kept=True),
        Operation(
            *("POST", "/v1/pictures", PICTURES, pictures.add, "Put up a picture", (added,)),
            query=(Query("name", "for people to choose by"), call),
            body=PICTURE_BODY,
            faults=full,
        ),
        Operation("GET", "/v1/pictures", SEE_PICTURES, pictures.listed, "Pictures to show", (listed,), (call,)),
        Operation("GET", one, SEE_PICTURES, pictures.get, "One picture", (image,), (call,)),
        Operation("DELETE", one, PICTURES, pictures.delete, "Take down a picture", (gone,), (call,)),
    )
