"""Parties: names, who comes back as whom, and what they are told of the caller."""

from __future__ import annotations

import pytest

from splitter.calls.asks import Desk
from splitter.calls.parties import Parties, Party, limits_for
from splitter.calls.states import PartyKind, PartyState
from splitter.sdp.video import Limits, VideoFormat


class TestParties:
    def test_names_are_never_given_twice(self) -> None:
        parties = Parties()
        assert [parties.new_name(kind) for kind in ("seat", "guest", "seat")] == ["seat-1", "guest-1", "seat-2"]
        parties.admit(Party("seat-2", PartyKind.WEBRTC, Desk("a")))
        parties.remove("seat-2")
        assert parties.new_name("seat") == "seat-3"

    def test_a_client_is_known_by_its_id_its_extension_and_its_kind(self) -> None:
        parties = Parties()
        desk = Desk("tab", "7001", by="a login")
        party = Party("seat-1", PartyKind.WEBRTC, desk)
        parties.admit(party)
        assert parties.of_client(Desk("tab", "7001", by="another login of the same desk")) is party
        for other in (Desk("tab2", "7001"), Desk("tab", "7002"), Desk("tab", "7001", "guest"), Desk("", "7001")):
            assert parties.of_client(other) is None

    def test_a_sip_seat_is_nobodys_old_place(self) -> None:
        parties = Parties()
        parties.admit(Party("seat-1", PartyKind.SIP, Desk("tab", "7001")))
        assert parties.of_client(Desk("tab", "7001")) is None

    def test_those_that_left_are_remembered_and_bounded(self) -> None:
        parties = Parties()
        for number in range(40):
            parties.admit(
                Party(
                    f"seat-{number}",
                    PartyKind.WEBRTC,
                    Desk("a"),
                    state=PartyState.CONNECTED,
                    sends=True,
                    showing="caller",
                )
            )
            parties.remove(f"seat-{number}")
        views = parties.views()
        assert [view.name for view in views] == [f"seat-{number}" for number in range(24, 40)]
        assert {(view.state, view.sends, view.showing) for view in views} == {("left", False, "none")}

    def test_one_that_is_back_is_listed_once(self) -> None:
        parties = Parties()
        for _ in range(2):
            parties.admit(Party("seat-1", PartyKind.WEBRTC, Desk("a")))
            parties.remove("seat-1")
        parties.admit(Party("seat-1", PartyKind.WEBRTC, Desk("a")))
        assert [view.state for view in parties.views()] == ["joining"]
        assert parties.remove("nobody") is None


class TestLimits:
    @pytest.mark.parametrize(
        ("received", "limits"),
        [
            (None, Limits(640, 480, 30, 960)),
            (VideoFormat(96, size=(480, 640)), Limits(480, 640, 30, 960)),
            (VideoFormat(96, bitrate_kbps=300), Limits(640, 480, 30, 300)),
        ],
    )
    def test_the_least_of_what_the_caller_takes_and_what_we_ask_for(
        self, received: VideoFormat | None, limits: Limits
    ) -> None:
        assert limits_for(received, 960) == limits
