"""The routes of ended calls, and of what is noted of them."""

from __future__ import annotations

from splitter.calls.after.wrap_up import WrapUpView
from splitter.web.access.scopes import ACT, READ
from splitter.web.calls.find import Finder
from splitter.web.http.routes import CALL, LIMIT, GoodAnswer, Operation, Query
from splitter.web.ports import Ports
from splitter.web.records import shapes
from splitter.web.records.records import RecordRoutes
from splitter.web.records.wrap_ups import WRAP_UP_BODY, WrapUpRoutes


def record_routes(ports: Ports, finder: Finder) -> tuple[Operation, ...]:
    """Records, and notes that keep screenshots with them."""
    wrap_ups = WrapUpRoutes(
        *(ports.calls, ports.archive, finder, ports.access, ports.late_changes, ports.clock),
        *(ports.album, ports.kept_screenshots),
    )
    return (
        Operation(
            *("GET", "/v1/records", READ, RecordRoutes(ports.archive, ports.elsewhere).listed),
            "Records of ended calls, a row for each",
            (GoodAnswer(200, "the newest first; CSV and JSON lines where that is asked for", shapes.RecordList),),
            (
                Query("number", "from or to this one, or what ends so"),
                Query("extension", "of the desk that had it"),
                Query("outcome", "answered, cancelled, busy, no-answer, refused or failed"),
                Query("since", "those that started then or later, Unix seconds", "number"),
                Query("before", "those that started before; for paging: `next` of the last answer", "number"),
                Query("format", "json, csv or jsonl"),
                LIMIT,
            ),
        ),
        Operation(
            *("PUT", f"{CALL}/wrap-up", ACT, wrap_ups.note, "Note what came of a call that is over"),
            (GoodAnswer(200, "it is kept with the call's record", WrapUpView),),
            body=WRAP_UP_BODY,
            faults=((409, "not-ended"), (409, "too-late"), (422, "no-such-disposition")),
            kept=True,
        ),
    )
