"""What is told to whoever begins to listen."""

from __future__ import annotations

from splitter.core.net import Address
from splitter.media.ports.events import (
    KeyFrameWanted,
    MediaStarted,
    PictureStopped,
    SourceShown,
    SourceUnfit,
    StrangerHeard,
    TransportChanged,
    VoiceOffloaded,
)
from splitter.media.standing import Standing

HERE = Address("192.0.2.9", 4000)


class TestStanding:
    def test_is_the_last_word_on_each_matter_in_order(self) -> None:
        connecting = TransportChanged("c", "seat-1", "connecting", "")
        slate = SourceShown("c", "caller", "slate", "answered")
        started = MediaStarted("c", "video", "seat-1", HERE)
        connected = TransportChanged("c", "seat-1", "connected", "ICE and DTLS are done")
        camera = SourceShown("c", "caller", "seat-1", "sends video")
        standing = Standing((connecting, slate, started, connected, camera))
        assert standing.events == (started, connected, camera)

    def test_keeps_those_of_a_name_apart(self) -> None:
        events = tuple(MediaStarted("c", "audio", end, HERE) for end in ("caller", "centre"))
        assert Standing(events).events == events

    def test_knows_a_picture_that_stopped(self) -> None:
        stopped = PictureStopped("c", "caller", "said goodbye")
        assert Standing((MediaStarted("c", "video", "caller", HERE), stopped)).events == (stopped,)

    def test_forgets_a_stranger_where_the_peer_is_heard_or_named_again(self) -> None:
        stranger = StrangerHeard("c", "audio", "caller", HERE, 100)
        started = MediaStarted("c", "audio", "caller", HERE)
        assert Standing((stranger, started)).events == (started,)
        standing = Standing((started, stranger))
        assert standing.events == (started, stranger)
        standing.pointed("caller")
        assert standing.events == (started,)

    def test_keeps_why_a_picture_is_not_shown_until_it_is(self) -> None:
        unfit = SourceUnfit("c", "caller", "seat-1", "too large")
        slate, camera = (SourceShown("c", "caller", source, "") for source in ("slate", "seat-1"))
        standing = Standing((unfit, slate))
        assert standing.events == (unfit, slate)
        standing.note(camera)
        assert standing.events == (camera,)

    def test_forgets_the_stream_of_a_pause_and_all_of_who_left(self) -> None:
        shown = SourceShown("c", "seat-1", "caller", "")
        standing = Standing((MediaStarted("c", "video", "seat-1", HERE), shown))
        standing.paused("seat-1")
        assert standing.events == (shown,)
        standing.left("seat-1")
        assert standing.events == ()

    def test_says_who_forwards_the_voice_and_counts_no_fault_twice(self) -> None:
        standing = Standing((VoiceOffloaded("c", True), VoiceOffloaded("c", False, "eth0 is down", fault=True)))
        assert standing.events == (VoiceOffloaded("c", False, "eth0 is down"),)

    def test_is_nothing_that_is_asked_again_anyway(self) -> None:
        assert Standing((KeyFrameWanted("c", "caller"),)).events == ()
