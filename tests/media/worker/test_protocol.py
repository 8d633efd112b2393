"""Frames, verbs, answers and events: what goes in comes out; what makes no sense is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from splitter.core.net import Address
from splitter.media.ports.ends import RemoteEnd, StreamCount
from splitter.media.ports.events import (
    KeyFrameWanted,
    MediaEvent,
    MediaStarted,
    PictureStopped,
    RelayLost,
    RoomLost,
    SourceShown,
    SourceUnfit,
)
from splitter.media.ports.rooms import PICTURE_LIMIT_BYTES, ParticipantMedia, ParticipantReport, RoomReport, Snapshot
from splitter.media.ports.voice import RelayReport
from splitter.media.worker.notices import MediaNotice, ProtocolError, read_event
from splitter.media.worker.protocol import (
    FRAME_LIMIT_BYTES,
    Framer,
    VerbCall,
    VerbReply,
    read_answer,
    read_call,
    read_message,
    read_verb,
    write_call,
    write_event,
    write_reply,
)
from splitter.media.worker.verbs import table
from splitter.media.worker.verbs.open_relay import OpenRelay
from splitter.media.worker.verbs.process import Ping
from splitter.media.worker.verbs.put_picture import PutPicture
from splitter.media.worker.verbs.report_relay import RelayCounts
from splitter.media.worker.verbs.report_room import RoomCounts
from splitter.media.worker.verbs.set_participant import SetParticipant
from splitter.media.worker.verbs.set_remote import SetRemote
from splitter.media.worker.verbs.table import ANSWERS, VERBS
from splitter.media.worker.verbs.take_snapshot import SnapshotTaken, TakeRoomSnapshot
from splitter.media.worker.verbs.verb import AdapterVerb, Done, Failed, Message, RelayVerb, RoomVerb, Verb
from splitter.sdp.video import VideoFormat

REMOTE = RemoteEnd(Address("198.51.100.7", 5000), Address("198.51.100.7", 5001))
FORMAT = VideoFormat(123, size=(480, 640), parameter_sets=(b"\x67\x42", b"\x68"), orientation_id=7)


def only(frame: bytes) -> bytes:
    (body,) = Framer().feed(frame)
    return body


def subclasses(kind: type[Any]) -> set[type[Any]]:
    """All of them, however deep."""
    return {kind}.union(*(subclasses(one) for one in kind.__subclasses__()))


class TestTheTable:
    def test_names_each_verb_and_each_answer(self) -> None:
        assert set(VERBS) == subclasses(Verb) - {Verb, RelayVerb, RoomVerb, AdapterVerb}
        assert set(ANSWERS) == subclasses(Message) - subclasses(Verb) - {Message}

    def test_has_a_line_for_each_file(self) -> None:
        folder = Path(table.__file__).parent
        files = {path.stem for path in folder.glob("*.py")} - {"__init__", "verb", "table"}
        assert files == {verb.__module__.rpartition(".")[2] for verb in VERBS}


class TestRoundTrip:
    @pytest.mark.parametrize(
        "verb",
        [
            Ping(),
            OpenRelay("call", "relay", (("caller", "192.0.2.1"), ("centre", "2001:db8::1"))),
            SetRemote("relay", 1, REMOTE),
            SetRemote("relay", 0, None),
            SetParticipant("room", "seat-1", ParticipantMedia(REMOTE, FORMAT, FORMAT, receiving=False)),
            SetParticipant("room", "seat-1", None),
            PutPicture("room", "form", bytes(PICTURE_LIMIT_BYTES)),
            TakeRoomSnapshot("room", "caller"),
        ],
        ids=lambda verb: type(verb).__name__,
    )
    def test_of_verbs(self, verb: Verb[Any]) -> None:
        call = read_call(only(write_call(7, verb)))
        assert call.id == 7
        assert read_verb(call) == verb

    @pytest.mark.parametrize(
        "answer",
        [
            Done(),
            Failed("unavailable", "no ports", 7),
            RelayCounts(None),
            SnapshotTaken(Snapshot(bytes(3 * 1920 * 1088), 1920, 1088, 1.5)),
            RoomCounts(
                RoomReport("room", (ParticipantReport("caller", StreamCount(), "slate", 1, 2, 3, 4, 5.5, "no"),))
            ),
            RelayCounts(RelayReport("relay", (StreamCount(1, 2, 3, 4, 5, 6, 7.5), StreamCount()))),
        ],
    )
    def test_of_answers(self, answer: Message) -> None:
        reply = read_message(only(write_reply(9, answer)))
        assert isinstance(reply, VerbReply)
        assert reply.id == 9
        assert read_answer(reply) == answer

    @pytest.mark.parametrize(
        "event",
        [
            MediaStarted("call", "audio", "caller", Address("192.0.2.1", 4000)),
            SourceShown("call", "caller", "seat-1", "joined"),
            SourceUnfit("call", "caller", "seat-1", "too large"),
            KeyFrameWanted("call", "caller"),
            PictureStopped("call", "seat-1", "no packet for 3 s"),
            RelayLost("call", "relay", "died"),
            RoomLost("call", "room", "died"),
        ],
        ids=lambda event: type(event).__name__,
    )
    def test_of_events(self, event: MediaEvent) -> None:
        notice = read_message(only(write_event("owner", event)))
        assert isinstance(notice, MediaNotice)
        assert notice.owner == "owner"
        assert read_event(notice) == event


class TestFrames:
    def test_may_come_byte_by_byte_or_all_at_once(self) -> None:
        frames = [write_call(number, Ping()) for number in range(3)]
        stream = b"".join(frames)
        bodies = [frame[4:] for frame in frames]
        assert Framer().feed(stream) == bodies
        framer = Framer()
        assert [body for byte in stream for body in framer.feed(bytes([byte]))] == bodies

    def test_beyond_the_limit_are_refused_before_they_are_read(self) -> None:
        with pytest.raises(ProtocolError, match="over the limit"):
            Framer().feed((FRAME_LIMIT_BYTES + 1).to_bytes(4, "big"))
        with pytest.raises(ProtocolError, match="over the limit"):
            write_call(1, OpenRelay("x" * FRAME_LIMIT_BYTES, "", ()))


class TestNonsense:
    @pytest.mark.parametrize("body", [b"", b"\xc1", b"\x80", b"GET / HTTP/1.1", msgspec.msgpack.encode({"id": "x"})])
    def test_is_no_call_and_no_answer(self, body: bytes) -> None:
        with pytest.raises(ProtocolError):
            read_call(body)
        with pytest.raises(ProtocolError):
            read_message(body)

    @pytest.mark.parametrize("verb", [{}, {"type": "Unheard"}, {"type": "SetRemote", "relay_id": 5}, 17])
    def test_in_an_envelope_is_no_verb_but_can_be_answered(self, verb: object) -> None:
        call = read_call(msgspec.msgpack.encode(VerbCall(3, msgspec.Raw(msgspec.msgpack.encode(verb)))))
        assert call.id == 3
        with pytest.raises(ProtocolError):
            read_verb(call)

    def test_events_of_a_later_version_are_refused(self) -> None:
        with pytest.raises(ProtocolError, match="not an event"):
            read_event(MediaNotice("owner", "Unheard", msgspec.Raw(b"\x80")))
