"""What an operator is told of a trunk whose media come from elsewhere."""

from __future__ import annotations

from splitter.calls.trunks.strangers import ALARM_S, TrunkStrangers


class TestAnAlarm:
    def test_names_the_trunk_the_last_source_and_the_key(self) -> None:
        strangers = TrunkStrangers()
        assert strangers.heard("pbx", "10.1.0.7:4000", 0)
        assert not strangers.heard("pbx", "10.1.0.8:4000", 10)
        [alarm] = strangers.alarms(10)
        assert "trunk pbx" in alarm
        assert "10.1.0.8:4000" in alarm
        assert "2 times" in alarm
        assert "media_sources" in alarm

    def test_each_trunk_has_its_own(self) -> None:
        strangers = TrunkStrangers()
        strangers.heard("pbx", "10.1.0.7:4000", 0)
        strangers.heard("sbc", "10.2.0.7:4000", 0)
        assert len(strangers.alarms(0)) == 2

    def test_is_over_after_a_while_and_news_again(self) -> None:
        strangers = TrunkStrangers()
        strangers.heard("pbx", "10.1.0.7:4000", 0)
        assert strangers.alarms(ALARM_S) == ()
        assert strangers.heard("pbx", "10.1.0.7:4000", ALARM_S)
        assert "1 times" in strangers.alarms(ALARM_S)[0]
