"""What an engine promises of rooms and of those in them."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from splitter.core.errors import LocalError, MediaUnavailable
from splitter.media.ports.events import SourceShown, TransportChanged
from splitter.media.ports.rooms import ParticipantHandle, RoomHandle
from tests.media.contract.given import CALL, IMAGE, PLAIN, SECURE, Given
from tests.media.worker.stand import Events
from tests.patience import until


class TestOpening:
    async def test_gives_each_room_a_name(self, given: Given) -> None:
        one, other = await asyncio.gather(given.room(), given.room())
        assert one.room_id != other.room_id and one.call_id == other.call_id == CALL
        await given.engine.close_room(one)
        assert await given.engine.report_room(other) is not None
        await given.engine.close_room(other)

    async def test_that_is_given_up_leaves_nothing(self, given: Given) -> None:
        opening = asyncio.ensure_future(given.room())
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening


class TestBeginning:
    """A room with its first participant, by one request."""

    async def test_gives_both(self, given: Given) -> None:
        given.must_have_rooms()
        caller = await given.engine.begin_room(CALL, "caller", "access", print)
        assert (caller.name, caller.secure, caller.room.call_id) == ("caller", None, CALL)
        assert (caller.local.host, caller.local.rtcp_port) == ("192.0.2.1", caller.local.rtp_port + 1)
        await given.engine.set_participant(caller, PLAIN)
        with pytest.raises((MediaUnavailable, LocalError)):
            await given.engine.join(caller.room, "caller", "access")
        await given.engine.close_room(caller.room)

    async def test_that_fails_leaves_nothing(self, given: Given) -> None:
        given.must_have_rooms()
        with pytest.raises(MediaUnavailable):
            await given.engine.begin_room(CALL, "slate", "access", print)
        await given.nothing_left()

    async def test_that_is_given_up_leaves_nothing(self, given: Given) -> None:
        given.must_have_rooms()
        beginning = asyncio.ensure_future(given.engine.begin_room(CALL, "caller", "access", print))
        await asyncio.sleep(0)
        beginning.cancel()
        with pytest.raises(asyncio.CancelledError):
            await beginning
        await given.nothing_left()


class TestJoining:
    async def test_gives_a_pair_of_ports(self, given: Given) -> None:
        room = await given.room()
        caller = await given.engine.join(room, "caller", "access")
        assert (caller.room, caller.name, caller.secure) == (room, "caller", None)
        assert caller.local.host == "192.0.2.1"
        assert caller.local.rtcp_port == caller.local.rtp_port + 1
        await given.engine.close_room(room)

    async def test_gives_each_ports_of_its_own(self, given: Given) -> None:
        room = await given.room()
        seats = await asyncio.gather(*(given.engine.join(room, f"seat-{number}", "core") for number in range(3)))
        assert len({seat.local.rtp_port for seat in seats}) == 3
        await given.engine.close_room(room)

    @pytest.mark.parametrize("name", ["caller", "slate", "none", ""])
    async def test_under_a_name_that_is_taken_is_refused(self, given: Given, name: str) -> None:
        room = await given.room()
        await given.engine.join(room, "caller", "access")
        with pytest.raises(MediaUnavailable):
            await given.engine.join(room, name, "access")
        with pytest.raises(MediaUnavailable):
            await given.engine.join_secure(room, name, "access")
        report = await given.engine.close_room(room)
        assert report is not None and [one.name for one in report.participants] == ["caller"]

    async def test_in_an_unknown_network_is_a_mistake_of_ours(self, given: Given) -> None:
        room = await given.room()
        with pytest.raises(LocalError, match="no network 'nowhere'"):
            await given.engine.join(room, "caller", "nowhere")
        with pytest.raises(LocalError, match="no network 'nowhere'"):
            await given.engine.join_secure(room, "seat-1", "nowhere")
        await given.engine.close_room(room)

    async def test_that_is_given_up_leaves_nothing(self, given: Given) -> None:
        room = await given.room()
        joining = asyncio.ensure_future(given.engine.join(room, "caller", "access"))
        await asyncio.sleep(0)
        joining.cancel()
        with pytest.raises(asyncio.CancelledError):
            await joining
        await given.engine.leave(await given.engine.join(room, "caller", "access"))
        await given.engine.close_room(room)


class TestJoiningByWebRtc:
    async def test_gives_one_port_and_our_side_of_the_transport(self, given: Given) -> None:
        room = await given.room()
        seat = await given.engine.join_secure(room, "seat-1", "access")
        secure, local = seat.secure, seat.local
        assert secure is not None
        assert local.rtp_port == local.rtcp_port  # RFC 8829 §4.1.1: one for all
        assert len(secure.ufrag) >= 4 and len(secure.password) >= 22  # RFC 8839 §5.4
        assert secure.fingerprint.startswith("sha-256 ")
        [candidate] = secure.candidates
        assert candidate.split()[4:6] == ["192.0.2.1", str(local.rtp_port)]
        assert secure.ssrc and secure.cname  # RFC 5576
        await given.engine.close_room(room)

    async def test_gives_each_credentials_and_a_stream_of_its_own(self, given: Given) -> None:
        room = await given.room()
        one, other = [await given.engine.join_secure(room, name, "access") for name in ("seat-1", "seat-2")]
        assert one.secure is not None and other.secure is not None
        assert one.secure.ufrag != other.secure.ufrag and one.secure.password != other.secure.password
        assert one.secure.ssrc != other.secure.ssrc and one.secure.cname == other.secure.cname
        await given.engine.close_room(room)

    async def test_restarts_ice_beside_the_path_that_there_is(self, given: Given) -> None:
        room = await given.room()
        seat = await given.engine.join_secure(room, "seat-1", "access")
        again = await given.engine.restart_ice(seat)
        before, after = seat.secure, again.secure
        assert before is not None and after is not None
        assert (again.room, again.name, again.local.host) == (room, "seat-1", seat.local.host)
        assert after.ufrag != before.ufrag and after.password != before.password  # RFC 8839 §4.4.1.1.1
        assert after.fingerprint == before.fingerprint  # RFC 8842 §5.5: DTLS goes on
        assert (after.ssrc, after.cname) == (before.ssrc, before.cname)
        assert again.local.rtp_port == again.local.rtcp_port != seat.local.rtp_port
        assert after.candidates[0].split()[5] == str(again.local.rtp_port)
        await given.engine.leave(again)
        await given.engine.close_room(room)

    async def test_alone_has_ice_to_restart(self, given: Given) -> None:
        room = await given.room()
        caller = await given.engine.join(room, "caller", "access")
        with pytest.raises(MediaUnavailable):
            await given.engine.restart_ice(caller)
        with pytest.raises(MediaUnavailable):
            await given.engine.restart_ice(replace(caller, name="nobody"))
        await given.engine.close_room(room)


class TestJoiningBeside:
    async def test_is_on_the_transport_of_another_one(self, given: Given) -> None:
        room = await given.room()
        seat = await given.engine.join_secure(room, "seat-1", "access")
        one, other = [await given.engine.join_beside(seat, name) for name in ("seat-1.1", "seat-1.2")]
        assert seat.secure is not None and one.secure is not None and other.secure is not None
        assert one.beside == "seat-1" and one.secure.cname == seat.secure.cname
        assert len({seat.secure.ssrc, one.secure.ssrc, other.secure.ssrc}) == 3
        await given.engine.set_participant(seat, SECURE)
        for further in (one, other):
            await given.engine.set_participant(further, replace(SECURE, receiving=False))
            await given.engine.show(room, further.name, "slate")
        assert given.sizes()["ports"] == 2
        assert await given.engine.leave(one) is not None
        assert await given.engine.leave(one) is None
        report = await given.engine.close_room(room)
        assert report is not None and [one.name for one in report.participants] == ["seat-1", "seat-1.2"]

    async def test_needs_a_name_and_somebody_with_a_transport(self, given: Given) -> None:
        room = await given.room()
        seat = await given.engine.join_secure(room, "seat-1", "access")
        with pytest.raises(MediaUnavailable):
            await given.engine.join_beside(seat, "seat-1")
        with pytest.raises(MediaUnavailable):
            await given.engine.join_beside(replace(seat, name="nobody"), "seat-1.1")
        await given.engine.close_room(room)


class TestSettingMedia:
    async def test_may_be_said_again_and_taken_back(self, given: Given) -> None:
        room = await given.room()
        caller = await given.engine.join(room, "caller", "access")
        for media in (PLAIN, PLAIN, replace(PLAIN, sending=False), replace(PLAIN, receiving=False), None, None, PLAIN):
            await given.engine.set_participant(caller, media)
        seat = await given.engine.join_secure(room, "seat-1", "access")
        for media in (SECURE, SECURE, None, SECURE):
            await given.engine.set_participant(seat, media)
        await given.engine.close_room(room)

    async def test_of_the_wrong_kind_is_refused(self, given: Given) -> None:
        room = await given.room()
        caller = await given.engine.join(room, "caller", "access")
        seat = await given.engine.join_secure(room, "seat-1", "access")
        with pytest.raises(MediaUnavailable):
            await given.engine.set_participant(caller, SECURE)
        with pytest.raises(MediaUnavailable):
            await given.engine.set_participant(seat, PLAIN)
        await given.engine.close_room(room)

    async def test_of_a_browser_with_other_credentials_needs_a_restart(self, given: Given) -> None:
        room = await given.room()
        seat = await given.engine.join_secure(room, "seat-1", "access")
        await given.engine.set_participant(seat, SECURE)
        assert SECURE.secure is not None
        other = replace(SECURE, secure=replace(SECURE.secure, ufrag="other", password="o" * 22))
        with pytest.raises(MediaUnavailable):
            await given.engine.set_participant(seat, other)
        again = await given.engine.restart_ice(seat)
        await given.engine.set_participant(again, other)
        await given.engine.close_room(room)

    async def test_of_a_browser_with_another_certificate_fails_its_transport(self, given: Given) -> None:
        """RFC 8842 §5.3: another fingerprint is another association."""
        events = Events()
        room = await given.room(events)
        seat = await given.engine.join_secure(room, "seat-1", "access")
        await given.engine.set_participant(seat, SECURE)
        assert SECURE.secure is not None
        fingerprints = ("sha-256 " + ":".join(["EF"] * 32),)
        await given.engine.set_participant(
            seat, replace(SECURE, secure=replace(SECURE.secure, fingerprints=fingerprints))
        )
        await until(lambda: "failed" in [event.state for event in events.of(TransportChanged)])
        await given.engine.close_room(room)

    async def test_of_somebody_who_is_not_there_is_refused(self, given: Given) -> None:
        room = await given.room()
        caller = await given.engine.join(room, "caller", "access")
        await given.engine.leave(caller)
        for media in (PLAIN, None):
            with pytest.raises(MediaUnavailable):
                await given.engine.set_participant(caller, media)
        report = await given.engine.close_room(room)
        assert report is not None and report.participants == ()


class TestShowing:
    async def test_is_told_to_those_who_are_shown_something(self, given: Given) -> None:
        events = Events()
        room, _ = await given.watcher(events)
        await given.engine.put_picture(room, "menu", IMAGE)
        await given.engine.show(room, "caller", "picture:menu")
        await until(lambda: "picture:menu" in [event.source for event in events.of(SourceShown)])
        await given.engine.show(room, "caller", "slate")
        await until(lambda: events.of(SourceShown)[-1].source == "slate")
        assert {(event.call_id, event.viewer) for event in events.of(SourceShown)} == {(CALL, "caller")}
        await given.engine.close_room(room)

    @pytest.mark.parametrize("source", ["slate", "", "picture:unknown", "seat-9"])
    async def test_to_somebody_who_is_not_there_is_no_error(self, given: Given, source: str) -> None:
        events = Events()
        room, caller = await given.watcher(events)
        await given.engine.leave(caller)
        told = len(events.seen)
        for viewer in ("caller", "seat-9"):
            await given.engine.show(room, viewer, source)
        await given.engine.report_room(room)
        assert events.seen[told:] == []
        await given.engine.close_room(room)

    @pytest.mark.parametrize("source", ["picture:unknown", "seat-9"])
    async def test_something_that_is_not_there_leaves_the_choice_to_the_room(self, given: Given, source: str) -> None:
        events = Events()
        room, _ = await given.watcher(events)
        await given.engine.show(room, "caller", source)
        await given.engine.report_room(room)
        assert source not in [event.source for event in events.of(SourceShown)]
        await given.engine.close_room(room)


class TestStillPictures:
    async def test_may_be_put_again(self, given: Given) -> None:
        room = await given.room()
        await given.engine.put_picture(room, "menu", IMAGE)
        await given.engine.put_picture(room, "menu", IMAGE)
        await given.engine.close_room(room)

    @pytest.mark.parametrize("image", [b"", b"no picture", b"<svg/>"], ids=["nothing", "text", "svg"])
    async def test_that_are_none_are_refused(self, given: Given, image: bytes) -> None:
        room = await given.room()
        with pytest.raises(MediaUnavailable):
            await given.engine.put_picture(room, "menu", image)
        await given.engine.close_room(room)

    async def test_that_are_too_large_are_refused(self, given: Given) -> None:
        room = await given.room()
        with pytest.raises(MediaUnavailable, match="too large"):
            await given.engine.put_picture(room, "menu", IMAGE + bytes(2 << 20))
        await given.engine.close_room(room)


class TestSnapshots:
    @pytest.mark.parametrize("who", ["caller", "seat-9", ""])
    async def test_of_somebody_who_sends_nothing_are_refused(self, given: Given, who: str) -> None:
        room = await given.room()
        caller = await given.engine.join(room, "caller", "access")
        await given.engine.set_participant(caller, replace(PLAIN, receiving=False))
        with pytest.raises(MediaUnavailable):
            await given.engine.snapshot(room, who)
        await given.engine.close_room(room)


class TestKeyFrames:
    async def test_may_be_asked_for_by_anybody(self, given: Given) -> None:
        events = Events()
        room, caller = await given.watcher(events)
        await given.engine.request_key_frame(caller)
        await given.engine.leave(caller)
        await given.engine.request_key_frame(caller)
        await given.engine.close_room(room)


class TestReports:
    async def test_name_those_in_the_room(self, given: Given) -> None:
        room = await given.room()
        caller = await given.engine.join(room, "caller", "access")
        await given.engine.join_secure(room, "seat-1", "core")
        report = await given.engine.report_room(room)
        assert report is not None and report.room_id == room.room_id
        assert [one.name for one in report.participants] == ["caller", "seat-1"]
        await given.engine.leave(caller)
        last = await given.engine.close_room(room)
        assert last is not None and [one.name for one in last.participants] == ["seat-1"]


class TestLeaving:
    async def test_gives_the_last_report_once(self, given: Given) -> None:
        room = await given.room()
        caller = await given.engine.join(room, "caller", "access")
        last = await given.engine.leave(caller)
        assert last is not None and last.name == "caller"
        assert await given.engine.leave(caller) is None
        await given.engine.close_room(room)

    async def test_makes_room_for_the_next_of_that_name(self, given: Given) -> None:
        room = await given.room()
        one = await given.engine.join(room, "seat-1", "access")
        await given.engine.leave(one)
        other = await given.engine.join_secure(room, "seat-1", "access")
        assert other.local.rtp_port != one.local.rtp_port  # a port rests before it is given away again
        assert await given.engine.leave(other) is not None
        await given.engine.close_room(room)

    async def test_takes_effect_for_whatever_comes_after_it(self, given: Given) -> None:
        room = await given.room()
        caller = await given.engine.join(room, "caller", "access")
        leaving = asyncio.ensure_future(given.engine.leave(caller))
        await asyncio.sleep(0)
        assert await given.engine.leave(caller) is None
        assert await leaving is not None
        await given.engine.close_room(room)


class TestClosing:
    async def test_gives_the_last_report_once(self, given: Given) -> None:
        room = await given.room()
        await given.engine.join(room, "caller", "access")
        assert await given.engine.close_room(room) is not None
        assert await given.engine.close_room(room) is None

    async def test_ends_all_but_closing_leaving_and_reporting(self, given: Given) -> None:
        room = await given.room()
        caller = await given.engine.join(room, "caller", "access")
        await given.engine.close_room(room)
        await assert_gone(given, room, caller)

    async def test_ends_its_events(self, given: Given) -> None:
        events = Events()
        room, caller = await given.watcher(events)
        await given.engine.close_room(room)
        told = len(events.seen)
        await given.kill()
        assert events.seen[told:] == []
        await assert_gone(given, room, caller)


async def assert_gone(given: Given, room: RoomHandle, member: ParticipantHandle) -> None:
    """Closing, leaving and reporting say None, everything else is refused."""
    engine = given.engine
    assert await engine.leave(member) is None
    assert await engine.report_room(room) is None
    assert await engine.close_room(room) is None
    for request in (
        engine.join(room, "seat-1", "access"),
        engine.join_secure(room, "seat-2", "access"),
        engine.restart_ice(member),
        engine.join_beside(member, "seat-3"),
        engine.set_participant(member, PLAIN),
        engine.set_participant(member, None),
        engine.show(room, "caller", "slate"),
        engine.put_picture(room, "menu", IMAGE),
        engine.snapshot(room, "caller"),
        engine.request_key_frame(member),
    ):
        with pytest.raises(MediaUnavailable, match="gone"):
            await request
