"""The key-frame broker."""

from __future__ import annotations

from splitter.rtp.broker import KeyFrameBroker, KeyFrameRequest, Means, means_for


def run(broker: KeyFrameBroker, start: float, seconds: float) -> list[tuple[float, KeyFrameRequest]]:
    """Poll every 10 ms, as any timer would do no better."""
    asks = []
    for step in range(round(seconds * 100)):
        now = start + step / 100
        due = broker.next_timeout()
        ask = broker.poll(now)
        assert (ask is not None) == (due is not None and due <= now)
        if ask:
            asks.append((round(now - start, 2), ask))
    return asks


class TestMeans:
    def test_best_first(self) -> None:
        assert means_for({"nack", "nack pli", "ccm fir"}) == (Means.PLI, Means.FIR, Means.INFO)
        assert means_for({"ccm fir"}) == (Means.FIR, Means.INFO)
        assert means_for(()) == (Means.INFO, Means.PLI)


class TestRequests:
    def test_nothing_is_asked_unless_wanted(self) -> None:
        assert run(KeyFrameBroker((Means.PLI,)), 0.0, 5.0) == []

    def test_a_burst_then_once_a_second_until_seen(self) -> None:
        broker = KeyFrameBroker((Means.PLI,))
        broker.want(burst=True)
        assert [at for at, _ in run(broker, 100.0, 3.0)] == [0.0, 0.25, 0.5, 1.5, 2.5]
        broker.seen(103.0)
        assert run(broker, 103.0, 5.0) == []

    def test_wishes_are_gathered(self) -> None:
        broker = KeyFrameBroker((Means.PLI,))
        asked = 0
        for step in range(300):  # three seconds of viewers who ask all the time, of a source that always answers
            broker.want()
            if broker.poll(step / 100):
                asked += 1
                broker.seen(step / 100)
        assert asked == 3

    def test_the_next_means_is_tried_when_one_is_ignored_and_what_worked_is_kept(self) -> None:
        broker = KeyFrameBroker((Means.PLI, Means.FIR, Means.INFO))
        broker.want()
        assert [ask.means for _, ask in run(broker, 0.0, 3.0)] == [Means.PLI, Means.PLI, Means.FIR]
        broker.seen(2.2)
        broker.want()
        assert [ask.means for _, ask in run(broker, 10.0, 1.0)] == [Means.FIR]

    def test_fir_moves_its_number_for_a_new_request_only(self) -> None:
        broker = KeyFrameBroker((Means.FIR,))
        broker.want()
        first = {ask.number for _, ask in run(broker, 0.0, 3.0)}
        broker.want()
        first |= {ask.number for _, ask in run(broker, 3.0, 2.0)}
        broker.seen(5.0)
        broker.want()
        second = {ask.number for _, ask in run(broker, 6.0, 2.0)}
        assert first == {0} and second == {1}

    def test_a_deaf_source_is_asked_less_often(self) -> None:
        broker = KeyFrameBroker((Means.INFO,))
        broker.want()
        assert len(run(broker, 0.0, 60.0)) < 30
