"""Frames, commands, results and events: what goes in comes out; what makes no sense is refused."""

from __future__ import annotations

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
from splitter.media.worker.protocol import (
    FRAME_LIMIT_BYTES,
    Call,
    Command,
    Done,
    Failed,
    Framer,
    Notice,
    OpenRelay,
    Ping,
    ProtocolError,
    PutPicture,
    RelayCounts,
    Reply,
    Result,
    RoomCounts,
    SetParticipant,
    SetRemote,
    SnapshotTaken,
    TakeSnapshot,
    read_answer,
    read_call,
    read_command,
    read_event,
    read_result,
    write_call,
    write_event,
    write_reply,
)
from splitter.sdp.video import VideoFormat

REMOTE = RemoteEnd(Address("198.51.100.7", 5000), Address("198.51.100.7", 5001))
FORMAT = VideoFormat(123, size=(480, 640), parameter_sets=(b"\x67\x42", b"\x68"), orientation_id=7)


def only(frame: bytes) -> bytes:
    (body,) = Framer().feed(frame)
    return body


class TestRoundTrip:
    @pytest.mark.parametrize(
        "command",
        [
            Ping(),
            OpenRelay("call", "relay", (("caller", "192.0.2.1"), ("centre", "2001:db8::1"))),
            SetRemote("relay", 1, REMOTE),
            SetRemote("relay", 0, None),
            SetParticipant("room", "seat-1", ParticipantMedia(REMOTE, FORMAT, FORMAT, receiving=False)),
            SetParticipant("room", "seat-1", None),
            PutPicture("room", "form", bytes(PICTURE_LIMIT_BYTES)),
            TakeSnapshot("room", "caller"),
        ],
        ids=lambda command: type(command).__name__,
    )
    def test_of_commands(self, command: Command) -> None:
        call = read_call(only(write_call(7, command)))
        assert call.id == 7
        assert read_command(call) == command

    @pytest.mark.parametrize(
        "result",
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
    def test_of_results(self, result: Result) -> None:
        reply = read_answer(only(write_reply(9, result)))
        assert isinstance(reply, Reply)
        assert reply.id == 9
        assert read_result(reply) == result

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
        notice = read_answer(only(write_event("owner", event)))
        assert isinstance(notice, Notice)
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
            read_answer(body)

    @pytest.mark.parametrize("command", [{}, {"type": "Unheard"}, {"type": "SetRemote", "relay_id": 5}, 17])
    def test_in_an_envelope_is_no_command_but_can_be_answered(self, command: object) -> None:
        call = read_call(msgspec.msgpack.encode(Call(3, msgspec.Raw(msgspec.msgpack.encode(command)))))
        assert call.id == 3
        with pytest.raises(ProtocolError):
            read_command(call)

    def test_events_of_a_later_version_are_refused(self) -> None:
        with pytest.raises(ProtocolError, match="not an event"):
            read_event(Notice("owner", "Unheard", msgspec.Raw(b"\x80")))
