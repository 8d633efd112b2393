"""Feedback ends at each leg: reports, requests for key frames, limits, orientation."""

from __future__ import annotations

from itertools import pairwise

from splitter.media.ports.events import KeyFrameWanted
from splitter.rtp import rtcp
from splitter.rtp.feedback import BitrateLimit, Fir, Nack, Pli, Tmmbn, Tmmbr
from splitter.rtp.packet import timestamp_delta
from splitter.rtp.rtcp import Bye, ReceiverReport, SenderReport, SourceDescription, ntp_time
from tests.media.room.kit import SLATE_LUMA, Camera, Peer, Stage, about


def slate_key_frames(peer: Peer) -> int:
    return sum(one.payload[0] & 0x1F == 7 for one in peer.got())


class TestKeyFrameRequests:
    def test_the_slate_answers_at_once(self) -> None:
        stage = Stage()
        caller = stage.join("caller")
        stage.loop.advance(0.9)
        before, ours = slate_key_frames(caller), caller.got()[0].ssrc
        caller.feed(Pli(caller.ssrc, ours))
        assert slate_key_frames(caller) == before + 1
        stage.loop.advance(0.5)
        caller.feed(Fir(caller.ssrc, ((ours, 1),)))
        assert slate_key_frames(caller) == before + 2
        assert caller.pictures()

    def test_of_a_peer_that_names_another_stream_are_heard(self) -> None:
        """A border controller that gives RTP other SSRCs does not always look into RTCP."""
        stage = Stage()
        caller = stage.join("caller")
        stage.loop.advance(0.9)
        before = slate_key_frames(caller)
        caller.feed(Pli(caller.ssrc, 0xDEAD))
        assert slate_key_frames(caller) == before + 1
        stage.loop.advance(0.5)
        caller.feed(Fir(caller.ssrc, ((0xDEAD, 1),)))
        assert slate_key_frames(caller) == before + 2

    def test_a_flood_of_requests_does_not_make_a_flood_of_pictures(self) -> None:
        stage = Stage()
        caller = stage.join("caller")
        ours, before = caller.got()[0].ssrc, len(caller.got())
        for _ in range(100):
            caller.feed(Pli(caller.ssrc, ours))
            stage.loop.advance(0.01)
        assert slate_key_frames(caller) <= 4
        assert len(caller.got()) - before < 60

    def test_a_viewers_request_reaches_its_source_once_per_second(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(90)), stage.join("seat-1")
        caller.show(20)
        asked, ours = len(caller.told(Pli)), seat.got()[-1].ssrc
        for _ in range(10):
            seat.feed(Pli(seat.ssrc, ours))
            caller.deliver(caller.packets()[0])
            stage.loop.advance(0.03)
        assert len(caller.told(Pli)) == asked + 1
        request = caller.told(Pli)[-1]
        assert isinstance(request, Pli) and request.media == caller.ssrc

    def test_it_is_repeated_until_the_key_frame_comes_and_then_stops(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(90), feedback=frozenset({"nack pli"})), stage.join("seat-1")
        caller.show(20)
        before = len(caller.told(Pli))
        seat.feed(Pli(seat.ssrc, seat.got()[-1].ssrc))
        for _ in range(45):  # three seconds of a camera that does not listen
            for data in caller.packets():
                caller.deliver(data)
            stage.loop.advance(1 / 15)
        assert 2 <= len(caller.told(Pli)) - before <= 4
        caller.show(2)
        answered = len(caller.told(Pli))
        for _ in range(45):
            for data in caller.packets():
                caller.deliver(data)
            stage.loop.advance(1 / 15)
        assert len(caller.told(Pli)) == answered

    def test_fir_keeps_its_number_for_one_request(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(90), feedback=frozenset({"ccm fir"})), stage.join("seat-1")
        ours = seat.got()[0].ssrc

        def three_seconds_deaf() -> set[int]:
            heard = len(caller.told(Fir))
            for _ in range(45):
                for data in caller.packets():
                    caller.deliver(data)
                stage.loop.advance(1 / 15)
            return {number for one in caller.told(Fir)[heard:] for _, number in one.requests}

        caller.show(20)
        seat.feed(Pli(seat.ssrc, ours))
        first = three_seconds_deaf()
        caller.show(20)
        seat.feed(Pli(seat.ssrc, ours))
        second = three_seconds_deaf()
        assert len(first) == len(second) == 1 and first != second

    def test_without_feedback_it_goes_by_info(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(90), feedback=frozenset())
        stage.join("seat-1")
        caller.camera.picture()  # the first key frame is lost
        caller.show(3)
        assert KeyFrameWanted("c1", "caller") in stage.events

    def test_info_from_a_viewer_reaches_the_source(self) -> None:
        stage = Stage()
        caller, _ = stage.join("caller", Camera(90)), stage.join("seat-1")
        caller.show(20)
        asked = len(caller.told(Pli))
        stage.room.request_key_frame("seat-1")
        stage.room.request_key_frame("nobody")
        stage.loop.advance(0.1)
        assert len(caller.told(Pli)) == asked + 1


class TestReports:
    """RFC 3550 §6."""

    def test_both_legs_are_reported_to_at_the_same_moment(self) -> None:
        stage = Stage()
        peers = [stage.join("caller"), stage.join("seat-1")]
        stage.loop.advance(3)
        moments: list[list[int]] = []
        told = [len(peer.told(SenderReport)) for peer in peers]
        for _ in range(240):
            stage.loop.advance(0.05)
            before, told = told, [len(peer.told(SenderReport)) for peer in peers]
            moments.append([now - then for now, then in zip(told, before, strict=True)])
        assert {tuple(one) for one in moments} == {(0, 0), (1, 1)}
        assert 3 <= moments.count([1, 1]) <= 6  # in twelve seconds

    def calm(self) -> tuple[Stage, Peer, Peer]:
        """Both see each other, say their clocks, and nothing is lost."""
        stage = Stage()
        understood = frozenset(("nack", "nack pli"))
        caller = stage.join("caller", Camera(90), feedback=understood)
        seat = stage.join("seat-1", Camera(200), feedback=understood)
        for _ in range(12):
            self.go_on(caller, seat)
        return stage, caller, seat

    def go_on(self, *peers: Peer) -> None:
        """Another second of it."""
        for peer in peers:
            clock = ntp_time(peer.stage.loop.wall())
            peer.feed(SenderReport(peer.ssrc, clock, peer.timestamp - 6000, 1, 1))
        for _ in range(7):
            for peer in peers:
                peer.show(1)

    def told_at(self, peer: Peer) -> list[float]:
        return [at for _, _, at in peer.pair.rtcp]

    def test_while_nothing_is_lost_they_are_fewer(self) -> None:
        stage, caller, seat = self.calm()
        begun = stage.loop.time
        for _ in range(15):
            self.go_on(caller, seat)
        for peer in (caller, seat):
            times = [at for at in self.told_at(peer) if at >= begun]
            assert all(1.1 < b - a < 3.8 for a, b in pairwise(times)) and len(times) <= 7

    def test_also_of_a_source_that_tells_no_clock(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(90)), stage.join("seat-1", Camera(200))
        for _ in range(120):
            caller.show(1)
            seat.show(1)
        gaps = [b - a for a, b in pairwise(at for data, _, at in caller.pair.rtcp if rtcp.parse(data)[0].blocks)]
        assert all(gap < 2.0 for gap in gaps[:3]) and gaps[-1] > 2.0

    def test_nor_before_a_receiver_knows_the_clock_of_what_it_is_shown(self) -> None:
        """It needs two reports for lip sync, and more where the clock of another source is an earlier one."""
        stage, caller, seat = self.calm()
        stage.room.show("caller", "slate")
        shown_at = stage.loop.time
        for _ in range(7):
            self.go_on(caller, seat)
        reports = [(rtcp.parse(data)[0], at) for data, _, at in caller.pair.rtcp if at >= shown_at]
        clocks = [at for report, at in reports if isinstance(report, SenderReport)]
        assert clocks[3] - shown_at <= 0.75 + 3 * 1.25 * 1.5 + 0.2

    def test_a_loss_brings_them_back(self) -> None:
        stage, caller, _ = self.calm()
        last, lost_at = self.told_at(caller)[-1], stage.loop.time
        caller.show(1, lambda index: index == 0)
        caller.show(1)
        stage.loop.advance(2.0)
        reports = [(rtcp.parse(data)[0], at) for data, _, at in caller.pair.rtcp if at >= lost_at]
        with_block = [at for report, at in reports if isinstance(report, SenderReport) and report.blocks]
        assert with_block[0] <= max(last + 1.5, lost_at + 0.1) + 1e-6

    def test_so_does_a_peer_that_misses_something(self) -> None:
        stage, caller, _ = self.calm()
        feedback = stage.room.participant("caller")._feedback
        ours = stage.room.participant("caller").view.out.switch.ssrc
        caller.feed(Nack(caller.ssrc, ours, (1,)))
        assert feedback.report_at - feedback._reported_at <= 1.5 + 1e-6

    def test_and_another_picture(self) -> None:
        stage, _, _ = self.calm()
        feedback = stage.room.participant("caller")._feedback
        stage.room.show("caller", "slate")
        assert feedback.report_at - stage.loop.time <= 0.75 + 1e-6

    def test_every_compound_begins_with_a_report_and_the_calls_cname(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(90)), stage.join("seat-1", Camera(200))
        for _ in range(60):
            caller.show(1)
            seat.show(1)
        names = set()
        for peer in (caller, seat):
            times = [at for _, _, at in peer.pair.rtcp]
            assert len(times) >= 3 and max(b - a for a, b in pairwise(times)) < 4.0
            for data, to, _ in peer.pair.rtcp:
                messages = rtcp.parse(data)
                assert isinstance(messages[0], SenderReport | ReceiverReport)
                assert isinstance(messages[1], SourceDescription)
                names.add(messages[1].cname)
                assert to == peer.media.remote.rtcp
        assert len(names) == 1

    def test_what_was_received_is_reported(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(90))
        caller.show(40, drop=lambda index: index % 10 == 5)
        blocks = [block for one in caller.told(SenderReport) for block in one.blocks]
        assert blocks and {block.ssrc for block in blocks} == {caller.ssrc}
        assert 15 <= blocks[-1].fraction_lost <= 40 and blocks[-1].lost > 5

    def test_the_sources_clock_is_carried_over_not_made_up(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(90)), stage.join("seat-1")
        caller.show(30)
        ntp = ntp_time(5_000.25)  # the handset's clock is far off ours
        caller.feed(SenderReport(caller.ssrc, ntp, caller.timestamp, 10, 1000))
        inside, sent_at = caller.timestamp, stage.loop.time
        start = len(seat.told(SenderReport))
        caller.show(60)
        reports = seat.told(SenderReport)[start:]
        assert reports
        shift = timestamp_delta(seat.got()[-1].timestamp, caller.timestamp - 6000)
        for one in reports:
            elapsed = (one.ntp - ntp) / 2**32
            assert 0 <= elapsed <= stage.loop.time - sent_at
            assert abs(timestamp_delta(one.rtp, (inside + shift) & 0xFFFF_FFFF) - elapsed * 90_000) < 50

    def test_say_how_long_its_picture_is_under_way(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(90))
        caller.show(30)
        report = SenderReport(caller.ssrc, ntp_time(5_000.25), caller.timestamp, 10, 1000)
        caller.feed(report, SourceDescription(caller.ssrc, "phone"))
        told = next(one.stream for one in stage.room.report().participants if one.name == "caller")
        assert told.cname == "phone" and told.transit_s is not None
        assert abs(told.transit_s - (stage.loop.time - ntp_time(5_000.25) / 2**32)) < 0.1

    def test_without_a_sources_report_there_is_none_of_ours(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(90)), stage.join("seat-1")
        caller.show(5)
        start = len(seat.told(SenderReport))
        caller.show(60)
        assert len(seat.told(SenderReport)) == start
        assert seat.told(ReceiverReport)

    def test_a_nonsense_report_is_not_believed(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(90)), stage.join("seat-1")
        caller.show(5)
        start = len(seat.told(SenderReport))
        caller.feed(SenderReport(caller.ssrc, ntp_time(1.0), (caller.timestamp + 2**30) & 0xFFFF_FFFF, 1, 1))
        caller.feed(SenderReport(caller.ssrc + 1, ntp_time(1.0), caller.timestamp, 1, 1))
        caller.feed(SenderReport(caller.ssrc, 0, caller.timestamp, 1, 1))
        caller.show(40)
        assert len(seat.told(SenderReport)) == start

    def test_the_slate_has_our_own_clock(self) -> None:
        stage = Stage()
        caller = stage.join("caller")
        stage.loop.advance(10.0)
        reports = caller.told(SenderReport)
        assert len(reports) >= 3
        a, b = reports[0], reports[-1]
        assert abs(timestamp_delta(b.rtp, a.rtp) - (b.ntp - a.ntp) / 2**32 * 90_000) < 50
        assert b.packets <= len(caller.got())

    def test_bye_brings_the_slate(self) -> None:
        stage = Stage()
        caller, seat = stage.join("caller", Camera(90)), stage.join("seat-1")
        caller.show(5)
        caller.feed(Bye((caller.ssrc,)))
        stage.loop.advance(1.0)
        assert about(seat.pictures()[-1], SLATE_LUMA)
        caller.show(10)
        assert about(seat.pictures()[-1], 90), "it may change its mind"

    def test_who_leaves_hears_our_bye(self) -> None:
        stage = Stage()
        caller = stage.join("caller")
        stage.room.leave("caller")
        assert caller.told(Bye) == [Bye((caller.got()[0].ssrc,))]


class TestLimits:
    def test_tmmbr_is_answered_with_tmmbn(self) -> None:
        """RFC 5104 §4.2.2."""
        stage = Stage()
        caller = stage.join("caller")
        ours = caller.got()[0].ssrc
        caller.feed(Tmmbr(caller.ssrc, (BitrateLimit(ours, 256_000, 40),)))
        assert caller.told(Tmmbn) == [Tmmbn(ours, (BitrateLimit(caller.ssrc, 256_000, 40),))]


class TestOrientation:
    """TS 26.114: coordination of video orientation."""

    def test_ids_are_mapped_and_the_slate_is_upright(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(90), orientation_id=7)
        caller.extensions = ((7, b"\x01"), (3, b"secret"))
        seat = stage.join("seat-1", orientation_id=2)
        caller.show(5)
        seen = [one.extensions for one in seat.got() if one.extensions]
        assert seen[0] == ((2, b"\x00"),)
        assert set(seen[1:]) == {((2, b"\x01"),)}
        stage.room.leave("caller")
        assert [one.extensions for one in seat.got() if one.extensions][-1] == ((2, b"\x00"),)

    def test_none_where_the_viewer_knows_none(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(90), orientation_id=7)
        caller.extensions = ((7, b"\x01"),)
        seat = stage.join("seat-1")
        caller.show(5)
        assert not any(one.extensions for one in seat.got())
        assert about(seat.pictures()[-1], 90)

    def test_a_source_without_it_is_upright_after_one_that_was_turned(self) -> None:
        stage = Stage()
        caller = stage.join("caller", orientation_id=7)
        turned = stage.join("seat-1", Camera(120), orientation_id=4)
        turned.extensions = ((4, b"\x03"),)
        turned.show(3)
        assert caller.got()[-1].extensions == ((7, b"\x03"),)
        stage.join("seat-2", Camera(200)).show(3)
        assert [one.extensions for one in caller.got() if one.extensions][-1] == ((7, b"\x00"),)

    def test_mode_0_viewers_get_it_too(self) -> None:
        stage = Stage()
        caller = stage.join("caller", Camera(90), orientation_id=7)
        caller.extensions = ((7, b"\x02"),)
        seat = stage.join("seat-1", orientation_id=5, packetization_mode=0)
        caller.show(3)
        assert [one.extensions for one in seat.got() if one.marker][-3:] == [((5, b"\x02"),)] * 3
