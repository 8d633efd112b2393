"""Trunks with keys in SDP (SDES, RFC 4568): both ends of each stream have the same keys, whatever happens to the call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from splitter.calls.settings import Srtp
from splitter.calls.talk import record
from splitter.media.ports.ends import RemoteEnd
from splitter.sdp.srtp import PLAIN_OF
from tests.calls.kit import connected, ended, joined
from tests.calls.table import notes
from tests.world import PeerCall, World
from tests.world.secure import secure
from tests.world.voice import agreed_keys


def agreed(call: PeerCall, kind: str = "audio") -> tuple[bytes, bytes]:
    """The keys of a stream, as the peer has them: its own, and ours."""
    keys = agreed_keys(call.terminal, kind)
    assert keys is not None and keys[1]
    return keys


def held(end: RemoteEnd | None) -> tuple[bytes, bytes] | None:
    """The same, as an engine was told them; None for plain RTP."""
    assert end is not None
    return (end.keys.theirs, end.keys.ours) if end.keys is not None else None


def pointed(world: World, caller: PeerCall, side: int) -> tuple[bytes, bytes] | None:
    relay = world.engine.relay_of(world.call_of(caller).talk.call_id)
    assert relay is not None
    return held(relay.remote[side])


def shown(world: World, caller: PeerCall, name: str = "caller") -> tuple[bytes, bytes] | None:
    room = world.engine.room_of(world.call_of(caller).talk.call_id)
    assert room is not None
    media = room.members[name]
    assert media is not None
    return held(media.remote)


@pytest.fixture
def world() -> Iterator[World]:
    with World(trunk={"srtp": Srtp.REQUIRED, "srtp_in_clear": True}) as world:
        for peer in (world.sbc, world.pbx, world.pbx2, world.desk):
            secure(peer)
        yield world


def assert_keyed(world: World, caller: PeerCall, centre: PeerCall) -> None:
    assert world.voice_faults(caller) == []
    assert pointed(world, caller, 0) == agreed(caller)
    assert pointed(world, caller, 1) == agreed(centre)
    assert shown(world, caller) == agreed(caller, "video")


class TestACall:
    def test_has_keys_on_every_leg(self, world: World) -> None:
        caller, centre = connected(world)
        seat = joined(world, caller)
        assert_keyed(world, caller, centre)
        assert shown(world, caller, "seat-1") == agreed(seat, "video")
        streams = agreed(caller), agreed(centre), agreed(caller, "video"), agreed(seat, "video")
        assert len({ours for _, ours in streams}) == 4, "no key of ours is used for two streams"
        seat.bye()
        ended(world, caller, centre)

    def test_with_one_side_in_clear(self) -> None:
        with World(trunk={"srtp": Srtp.OPTIONAL, "srtp_in_clear": True}) as world:
            secure(world.sbc)
            caller, centre = connected(world)
            assert pointed(world, caller, 0) == agreed(caller) and pointed(world, caller, 1) is None
            assert shown(world, caller) == agreed(caller, "video")
            ended(world, caller, centre)

    @pytest.mark.parametrize("status", [488, 606])
    def test_with_a_centre_that_refuses_keys_beside_a_plain_profile(self, status: int) -> None:
        with World(trunk={"srtp": Srtp.OPTIONAL, "srtp_in_clear": True}) as world:
            caller = world.sbc.invite()
            first = world.pbx.take()
            assert b"a=crypto" in first.invite.body
            first.refuse(status)
            centre = world.pbx.take()
            assert b"a=crypto" not in centre.invite.body and b"RTP/AVP " in centre.invite.body
            centre.answer()
            caller.expect("200")
            world.run(0.3)
            assert world.voice_faults(caller) == []
            centre.expect("ACK")
            assert any(f"refuses keys over RTP/AVP ({status})" in one for one in notes(world, caller))
            caller.reinvite(audio="sendonly")
            later = centre.expect("INVITE").message
            assert later is not None and b"a=crypto" not in later.body
            caller.expect("200 re-INVITE")
            ended(world, caller, centre)

    def test_that_is_refused_without_keys_too_is_over(self) -> None:
        with World(trunk={"srtp": Srtp.OPTIONAL, "srtp_in_clear": True}) as world:
            caller = world.sbc.invite()
            for _ in range(2):
                world.pbx.take().refuse(488)
            caller.expect("480")
            world.run(40)
            assert not world.pbx.arrived

    def test_is_refused_where_the_trunk_has_no_srtp(self) -> None:
        with World() as world:
            secure(world.sbc)
            caller = world.sbc.invite()
            refused = caller.expect("488")
            assert "RTP/SAVP" in (refused.message.headers.get("warning") or "")
            world.run(40)

    def test_tells_its_trace_no_key(self, world: World) -> None:
        caller, centre = connected(world)
        messages = b"".join(event.data or b"" for event in world.trace_of(caller))
        told = {line.partition(b"inline:")[2] for line in messages.split(b"\r\n") if line.startswith(b"a=crypto:")}
        assert told and all(set(key) == set(b"x") for key in told)
        ended(world, caller, centre)


class TestChanges:
    def test_a_hold_keeps_the_keys(self, world: World) -> None:
        caller, centre = connected(world)
        before = agreed(caller), agreed(centre)
        centre.reinvite(audio="sendonly")
        centre.expect("200 re-INVITE")
        caller.expect("INVITE")
        world.run(1)
        assert (agreed(caller), agreed(centre)) == before
        assert_keyed(world, caller, centre)
        centre.unread.clear()
        ended(world, caller, centre)

    @pytest.mark.parametrize("move", [True, False])
    @pytest.mark.parametrize("which", ["caller", "centre"])
    def test_another_key_of_a_peer_is_taken(self, world: World, which: str, move: bool) -> None:
        caller, centre = connected(world)
        changing = caller if which == "caller" else centre
        before = agreed(changing)
        changing.terminal.turn = 2  # type: ignore[attr-defined]
        changing.reinvite(move=move)
        changing.expect("200 re-INVITE")
        world.run(1)
        after = agreed(changing)
        assert after[0] != before[0] and after[1] != before[1]
        assert_keyed(world, caller, centre)
        for call in (caller, centre):
            call.unread.clear()
        ended(world, caller, centre)

    def test_an_offer_that_is_refused_changes_none(self, world: World) -> None:
        """It comes with another key, while an offer of ours is open, which is answered all the same."""
        caller, centre = connected(world)
        before = agreed(caller)
        caller.on_reinvite = lambda call: None  # it asks its user
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")
        caller.terminal.turn = 2  # type: ignore[attr-defined]
        caller.update()
        caller.expect("491 UPDATE")
        caller.terminal.turn = 1  # type: ignore[attr-defined]
        caller.accept()
        centre.expect("200 re-INVITE")
        world.run(1)
        assert agreed(caller) == before
        assert_keyed(world, caller, centre)
        for call in (caller, centre):
            call.unread.clear()
        ended(world, caller, centre)


class TestDeaths:
    def test_of_a_voice_worker_bring_new_keys(self, world: World) -> None:
        caller, centre = connected(world)
        before = agreed(caller), agreed(centre)
        relay = world.engine.relay_of(world.call_of(caller).talk.call_id)
        assert relay is not None
        world.engine.lose_relay(relay)
        world.run(0.005)  # nobody has answered yet
        for side, keys in enumerate(before):
            assert pointed(world, caller, side) == (keys[0], b""), "nothing is encrypted by a key that was in use"
        world.run(1)
        assert agreed(caller)[1] != before[0][1] and agreed(centre)[1] != before[1][1]
        assert_keyed(world, caller, centre)
        for call in (caller, centre):
            call.unread.clear()
        ended(world, caller, centre)

    def test_of_a_voice_worker_bring_new_keys_after_a_refusal_too(self, world: World) -> None:
        """The peer has offered to do without, and was refused: the keys are in use all the same."""
        caller, centre = connected(world)
        before = agreed(caller)
        change = caller.terminal.change()
        lines = tuple(line.without(("crypto",)).with_(proto=PLAIN_OF[line.proto]) for line in change.media)
        caller.reinvite(replace(change, media=lines))
        caller.expect("488 re-INVITE")
        relay = world.engine.relay_of(world.call_of(caller).talk.call_id)
        assert relay is not None
        world.engine.lose_relay(relay)
        world.run(1)
        assert agreed(caller)[1] != before[1]
        assert pointed(world, caller, 0) == agreed(caller)
        for call in (caller, centre):
            call.unread.clear()
        ended(world, caller, centre)

    def test_of_a_voice_worker_under_an_open_offer_bring_new_keys(self, world: World) -> None:
        """The offer was read before, and is answered after: by then its line has another key of ours."""
        caller, centre = connected(world)
        before = agreed(centre)
        caller.on_reinvite = lambda call: None  # it asks its user
        centre.reinvite(audio="sendonly")
        caller.expect("INVITE")
        relay = world.engine.relay_of(world.call_of(caller).talk.call_id)
        assert relay is not None
        world.engine.lose_relay(relay)
        world.run(1)
        caller.on_reinvite = PeerCall.accept
        caller.accept()
        seen, until = set(), world.now + 1
        while world.now < until:
            world.run(0.001)
            seen.add(pointed(world, caller, 1))
        assert before not in seen, "nothing is encrypted by a key that was in use"
        assert agreed(centre)[1] != before[1]
        assert_keyed(world, caller, centre)
        for call in (caller, centre):
            call.unread.clear()
        ended(world, caller, centre)

    def test_of_a_video_worker_too(self, world: World) -> None:
        caller, centre = connected(world)
        before = agreed(caller, "video")
        room = world.engine.room_of(world.call_of(caller).talk.call_id)
        assert room is not None
        world.engine.lose_room(room)
        world.run(2)
        assert agreed(caller, "video")[1] != before[1]
        assert_keyed(world, caller, centre)
        for call in (caller, centre):
            call.unread.clear()
        ended(world, caller, centre)

    @pytest.mark.parametrize("odd", [b"", b"\xe9"])
    def test_of_the_signalling_keep_the_keys_in_the_record(self, world: World, odd: bytes) -> None:
        """Also where the record holds text that is no UTF-8."""
        caller, centre = connected(world)
        talk = world.call_of(caller).talk
        talk.identity = replace(talk.identity, number=odd.decode("utf-8", "surrogateescape"))
        again = record.read(record.written(talk))
        assert [leg.keys for leg in again.legs.values()] == [leg.keys for leg in talk.legs.values()]
        assert again.voice.wanted == talk.voice.wanted and talk.voice.wanted[0].keys is not None
        ended(world, caller, centre)

    def test_of_the_signalling_change_nothing(self, world: World) -> None:
        caller, centre = connected(world)
        world.run(1)
        before = agreed(caller), agreed(centre)
        world.restart()
        world.run(1)
        assert (agreed(caller), agreed(centre)) == before
        assert_keyed(world, caller, centre)
        centre.reinvite(audio="sendonly")
        centre.expect("200 re-INVITE")
        world.run(1)
        assert (agreed(caller), agreed(centre)) == before
        assert_keyed(world, caller, centre)
        for call in (caller, centre):
            call.unread.clear()
        ended(world, caller, centre)


class TestThePolicy:
    def test_refuses_a_call_in_clear_in_words(self) -> None:
        with World(trunk={"srtp": Srtp.REQUIRED, "srtp_in_clear": True}) as world:
            caller = world.sbc.invite()
            refused = caller.expect("488")
            assert "without a=crypto" in (refused.message.headers.get("warning") or "")
            world.run(40)

    def test_a_centre_that_answers_in_clear_is_given_up(self, world: World) -> None:
        del world.pbx.__dict__["terminal"]  # it speaks no SRTP, and answers all the same
        caller = world.sbc.invite("12345")
        centre = world.pbx.take()
        centre.answer()
        caller.expect("480")
        assert any("RTP/SAVP without a=crypto" in note for note in notes(world, caller))
        centre.expect("ACK")
        centre.expect("BYE")
        world.run(40)
