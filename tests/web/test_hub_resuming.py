"""Who was away hears what it missed, also from the next process, and all of it has bounds."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splitter.calls.desks import ClientView, DeskView
from splitter.calls.view import (
    Notice,
    lost,
)
from splitter.store.journal import Journal, KeptEvent
from splitter.web.access.bearer import CONSOLE, Bearer
from splitter.web.events.audience import MOST_WAITING, SLOW
from splitter.web.events.hub import Hub
from splitter.web.events.streams import KEPT_S, MOST_KEPT
from tests.garbage import held_by
from tests.web.hub_kit import PARTY, READER, WANG, Stand, heard, news, words
from tests.web.kit import CALL, ended


class TestResuming:
    def cut_off(self, stand: Stand, bearer: Bearer = READER) -> int:
        """Somebody listens, hears of a ringing call, and is cut off. Returns: the last number it saw."""
        listener = stand.hub.attach(bearer)
        stand.call(state="ringing", extension="8001")
        seen = int(heard(listener)[-1]["seq"])
        stand.hub.detach(listener)
        return seen

    def test_gets_what_it_missed(self) -> None:
        stand = Stand()
        seen = self.cut_off(stand)
        stand.hub.call(ended(stand.call(extension="8001")))
        frames = heard(stand.hub.attach(READER, {"e1": seen}))
        assert words(frames) == ["hello", "call connected", "call ended", "ready"]
        assert frames[0]["resumed"] is True
        assert [frame["seq"] for frame in frames] == [1, 2, 3, 3]

    def test_a_desk_hears_that_its_call_went_elsewhere_meanwhile(self) -> None:
        stand = Stand()
        seen = self.cut_off(stand, WANG)
        stand.call(extension="8002")
        stand.call(extension="8002", showing="seat-1")
        assert words(news(stand.hub.attach(WANG, {"e1": seen}))) == ["call gone ringing"]

    def test_nothing_missed(self) -> None:
        stand = Stand()
        seen = self.cut_off(stand)
        frames = heard(stand.hub.attach(READER, {"e1": seen}))
        assert words(frames) == ["hello", "ready"] and frames[0]["resumed"] is True

    @pytest.mark.parametrize("after", [{"e0": 1}, {"": 1}, {"e1": 99}, {}, None])
    def test_begins_anew_where_the_number_means_nothing(self, after: dict[str, int] | None) -> None:
        stand = Stand()
        self.cut_off(stand)
        frames = heard(stand.hub.attach(READER, after))
        assert words(frames) == ["hello", "call ringing", "ready"] and frames[0]["resumed"] is False

    def test_too_much_happened(self) -> None:
        stand = Stand()
        seen = self.cut_off(stand)
        for number in range(MOST_KEPT + 1):
            stand.call(started_at=float(number))
        held = held_by(stand.hub)
        for number in range(100):
            stand.call(started_at=-float(number))
        assert held_by(stand.hub) <= held, "the oldest give way"
        frames = heard(stand.hub.attach(READER, {"e1": seen}))
        assert words(frames) == ["hello", "call connected", "ready"] and frames[0]["resumed"] is False

    def test_too_long_ago(self) -> None:
        stand = Stand()
        seen = self.cut_off(stand)
        stand.call()
        stand.clock.time += KEPT_S + 1
        assert heard(stand.hub.attach(READER, {"e1": seen}))[0]["resumed"] is False

    def test_while_nobody_listens_for_long_nothing_is_kept(self) -> None:
        stand = Stand()
        stand.call()
        held = held_by(stand.hub)
        stand.call(started_at=1.0)
        assert held_by(stand.hub) == held and stand.hub.seq == 2
        self.cut_off(stand)
        stand.hub.call(ended(CALL))
        stand.clock.time += KEPT_S + 1
        stand.call()
        stand.hub.call(ended(CALL))
        assert held_by(stand.hub) == held_by(Stand().hub)

    @settings(max_examples=60)
    @given(
        st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["8001", "8002", "", "end"]), st.booleans())), st.data()
    )
    def test_a_listener_with_breaks_knows_what_one_without_knows(
        self, steps: list[tuple[int, str, bool]], data: st.DataObject
    ) -> None:
        """Whatever happens, and wherever the connection breaks: the same frames, in the same order."""
        stand = Stand()
        steady, shaky = stand.hub.attach(WANG), stand.hub.attach(WANG)
        seen, frames = 0, []
        for number, extension, breaks in steps:
            view = replace(CALL, call_id=f"call-{number}", extension=extension, started_at=float(stand.hub.seq))
            stand.hub.call(ended(replace(view, extension="8001")) if extension == "end" else view)
            if breaks:
                got = heard(shaky)
                taken = got[: data.draw(st.integers(0, len(got)))]
                frames += taken
                seen = taken[-1]["seq"] if taken else seen
                stand.hub.detach(shaky)
                shaky = stand.hub.attach(WANG, {"e1": seen})
        frames += heard(shaky)
        calls = [frame for frame in frames if frame["type"] == "call"]
        assert calls == news(steady)


class TestOverARestart:
    """The process is killed: its successor reads the journal, and hears of the calls that it takes up."""

    def killed(self, stand: Stand, tmp_path: Path) -> Hub:
        hub = Hub(stand.clock, "e2", Journal(tmp_path / "events.db"))
        hub.resume()
        return hub

    def stand(self, tmp_path: Path) -> Stand:
        stand = Stand()
        stand.hub = Hub(stand.clock, "e1", Journal(tmp_path / "events.db"))
        return stand

    def test_every_number_once(self, tmp_path: Path) -> None:
        stand = self.stand(tmp_path)
        listener = stand.hub.attach(READER)
        stand.call(state="ringing")
        before = heard(listener)
        stand.call(showing="seat-1")
        stand.hub.notice(Notice(CALL.call_id, "video-refused", "the caller declined"))
        after = self.killed(stand, tmp_path)
        after.call(replace(CALL, showing="seat-1"))  # taken up, and as it was
        after.call(replace(CALL, showing="slate"))
        frames = heard(after.attach(READER, {"e1": before[-1]["seq"]}))
        assert frames[0]["resumed"] is True and frames[0]["epoch"] == "e1"
        assert words(frames) == ["hello", "call connected", "notice", "call connected", "ready"]
        assert [frame["seq"] for frame in frames[1:-1]] == [2, 3, 4]

    def test_a_desk_hears_that_its_call_went_elsewhere_before_the_kill(self, tmp_path: Path) -> None:
        stand = self.stand(tmp_path)
        stand.hub.attach(WANG)
        stand.call(extension="8001")
        stand.call(extension="8002")
        assert words(news(self.killed(stand, tmp_path).attach(WANG, {"e1": 1}))) == ["call gone connected"]

    def test_calls_that_nobody_took_up_are_known(self, tmp_path: Path) -> None:
        stand = self.stand(tmp_path)
        stand.hub.attach(READER)
        stand.call(call_id="lives")
        gone = stand.call(call_id="is lost")
        after = self.killed(stand, tmp_path)
        after.call(replace(CALL, call_id="lives"))
        assert after.missing({"lives"}) == [gone]
        after.call(lost(gone, 5.0))
        frames = news(after.attach(READER, {"e1": 2}))
        assert words(frames) == ["call ended"] and frames[0]["call"]["end_reason"].startswith("the gateway was restart")

    def test_desks_are_offline_until_they_come_back(self, tmp_path: Path) -> None:
        stand = self.stand(tmp_path)
        stand.hub.attach(READER)
        stand.hub.desk(DeskView("8001", "online", (ClientView("tab-1", "webrtc", 5.0),)))
        frames = news(self.killed(stand, tmp_path).attach(READER, {"e1": 1}))
        assert [frame["desk"]["state"] for frame in frames] == ["offline"]

    def test_what_is_too_old_is_so_after_it(self, tmp_path: Path) -> None:
        stand = self.stand(tmp_path)
        stand.hub.attach(READER)
        stand.call()
        stand.clock.time += KEPT_S + 1
        assert heard(self.killed(stand, tmp_path).attach(READER, {"e1": 0}))[0]["resumed"] is False

    def test_what_another_version_wrote_is_not_believed(self, tmp_path: Path) -> None:
        stand, journal = Stand(), Journal(tmp_path / "events.db")
        stand.hub = Hub(stand.clock, "e1", journal)
        stand.hub.attach(READER)
        journal.append(KeptEvent(1, stand.clock.wall(), b"\xff"))
        after = self.killed(stand, tmp_path)
        assert heard(after.attach(READER, {"e1": 0}))[0]["resumed"] is False
        assert heard(after.attach(READER, {"e1": 1}))[0]["resumed"] is True, "who has heard it need not be told"

    async def test_a_state_that_another_version_wrote_is_not_believed(self, tmp_path: Path) -> None:
        stand, journal = Stand(), Journal(tmp_path / "events.db")
        stand.hub = Hub(stand.clock, "e1", journal)
        stand.hub.attach(READER)
        journal.append(KeptEvent(1, stand.clock.wall(), b"1"), "call x", b"\xff")
        assert self.killed(stand, tmp_path).epoch == "e2"

    def test_numbers_that_nobody_heard_are_not_given_twice(self, tmp_path: Path) -> None:
        """Nobody listens for long, so that nothing is kept; whoever comes then, and is cut by the kill, resumes."""
        stand = self.stand(tmp_path)
        stand.hub.detach(stand.hub.attach(READER))
        stand.clock.time += KEPT_S + 1
        stand.call(state="ringing")
        stand.call()
        seen = heard(stand.hub.attach(READER))[-1]["seq"]
        after = self.killed(stand, tmp_path)
        after.call(replace(CALL, showing="seat-1"))
        frames = heard(after.attach(READER, {"e1": seen}))
        assert frames[0]["resumed"] is True and [frame["seq"] for frame in frames] == [2, 3, 3]


class TestBounds:
    def test_who_does_not_read_has_to_go_and_may_come_back(self) -> None:
        stand = Stand()
        slow, quick = stand.hub.attach(READER), stand.hub.attach(READER)
        for number in range(MOST_WAITING + 5):
            stand.call(started_at=float(number))
        assert (slow.closing, quick.closing) == (SLOW, SLOW)
        assert asyncio.run(slow.next(1.0)) is None
        assert heard(stand.hub.attach(READER, {"e1": 0}))[0]["resumed"] is True

    def test_a_long_snapshot_is_not_slowness(self) -> None:
        stand = Stand()
        for number in range(MOST_WAITING + 100):
            stand.call(call_id=str(number))
        listener = stand.hub.attach(READER)
        stand.call(call_id="0", state="ended")
        assert not listener.closing
        assert len(news(listener)) == MOST_WAITING + 101

    def test_a_frame_is_written_once_for_all(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stand = Stand()
        listeners = [stand.hub.attach(READER) for _ in range(50)]
        for listener in listeners:
            heard(listener)
        stand.call()

        async def texts() -> list[str | None]:
            return [await listener.next(1.0) for listener in listeners]

        assert len({id(text) for text in asyncio.run(texts())}) == 1

    def test_ended_calls_leave_nothing(self) -> None:
        stand = Stand()
        held = held_by(stand.hub)
        for number in range(50):
            stand.hub.call(ended(stand.call(call_id=str(number), parties=(PARTY,))))
        assert held_by(stand.hub) == held

    def test_the_end_of_the_gateway(self) -> None:
        stand = Stand()
        listener = stand.hub.attach(CONSOLE)
        stand.hub.close()
        assert listener.closing == 1001
