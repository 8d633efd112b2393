"""Session timers: RFC 4028, its tables, and both refresher roles through whole exchanges."""

from __future__ import annotations

import pytest

from splitter.core.errors import PeerError
from splitter.sip.message import Request, Response
from splitter.sip.session_timer import (
    Refresher,
    SessionTimer,
    TimerSettings,
    TooSmall,
    after_too_small,
    as_uac,
    as_uas,
    minimum,
    request_headers,
    session_expires,
    supports,
)
from tests.sip.stand import incoming

Pairs = list[tuple[str, str]]
US, PEER = Refresher.US, Refresher.PEER
OURS = TimerSettings(interval_s=1800, minimum_s=90)
NONE = TimerSettings(interval_s=0)


def request(
    expires: str | None = None, *, knows: bool = True, least: str | None = None, method: str = "INVITE"
) -> Request:
    headers: Pairs = [("Supported", "timer")] if knows else []
    headers += [("Session-Expires", expires)] if expires is not None else []
    headers += [("Min-SE", least)] if least is not None else []
    return incoming(method, headers=headers)


def response(status: int = 200, headers: Pairs | None = None) -> Response:
    return incoming().respond(status, to_tag="theirs", headers=headers or [])


class TestSection4_SessionExpires:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("1800", (1800, "")),
            ("1800;refresher=uac", (1800, "uac")),
            (" 90 ; Refresher = UAS ", (90, "uas")),
            ("4000;x=y;refresher=uac;z", (4000, "uac")),
            ("1800;refresher=", (1800, "")),
            ("1800;refresher=proxy", (1800, "")),
        ],
    )
    def test_read(self, value: str, expected: tuple[int, str]) -> None:
        assert session_expires(request(value)) == expected

    def test_its_compact_form(self) -> None:
        assert session_expires(incoming(headers=[("x", "600;refresher=uas")])) == (600, "uas")

    def test_absent(self) -> None:
        assert session_expires(request()) is None

    @pytest.mark.parametrize("value", ["", "x", "0", "-1", "1800 s", "1e3", "٣٠", str(2**31), "9" * 5000])
    def test_what_cannot_be_read_gets_400(self, value: str) -> None:
        with pytest.raises(PeerError) as caught:
            session_expires(request(value))
        assert caught.value.status == 400


class TestSection5_MinSE:
    def test_default(self) -> None:
        assert minimum(request()) == 90

    @pytest.mark.parametrize(("value", "expected"), [("120", 120), ("3600;lr", 3600), ("60", 90)])
    def test_read_and_never_below_90(self, value: str, expected: int) -> None:
        assert minimum(request(least=value)) == expected

    def test_what_cannot_be_read_gets_400(self) -> None:
        with pytest.raises(PeerError) as caught:
            minimum(request(least="soon"))
        assert caught.value.status == 400


class TestSupport:
    @pytest.mark.parametrize(
        ("headers", "expected"),
        [
            ([], False),
            ([("k", "100rel,Timer")], True),
            ([("Require", "timer")], True),
            ([("Supported", "timers")], False),
        ],
    )
    def test_supported_or_required(self, headers: Pairs, expected: bool) -> None:
        assert supports(incoming(headers=headers)) is expected


class TestSection9_Table2:
    """UAC knows timers, refresher in the request → refresher in the response."""

    @pytest.mark.parametrize(
        ("knows", "asked", "answered", "whose"),
        [
            (False, "", "uas", US),
            (True, "", "uac", PEER),
            (True, ";refresher=uac", "uac", PEER),
            (True, ";refresher=uas", "uas", US),
        ],
    )
    def test_row(self, knows: bool, asked: str, answered: str, whose: Refresher) -> None:
        timer, headers = as_uas(request(f"600{asked}", knows=knows), OURS)
        assert timer == SessionTimer(600, whose)
        assert dict(headers)["Session-Expires"] == f"600;refresher={answered}"

    def test_a_peer_that_does_not_know_timers_never_gets_the_duty(self) -> None:
        """The table says "NA": such a request is wrong, and a refresh would never come."""
        timer, _ = as_uas(request("600;refresher=uac", knows=False), OURS)
        assert timer == SessionTimer(600, US)

    @pytest.mark.parametrize("refresher", ["uac", "uas"])
    def test_the_response_requires_timer_where_the_peer_knows_it(self, refresher: str) -> None:
        _, headers = as_uas(request(f"600;refresher={refresher}"), OURS)
        assert ("Require", "timer") in headers

    def test_the_response_does_not_require_what_the_peer_does_not_know(self) -> None:
        _, headers = as_uas(request("600", knows=False), OURS)
        assert [name for name, _ in headers] == ["Session-Expires"]


class TestSection9_Interval:
    @pytest.mark.parametrize("interval", [90, 600, 1800, 86400])
    def test_the_peers_wish_is_granted_and_never_increased(self, interval: int) -> None:
        timer, headers = as_uas(request(str(interval)), OURS)
        assert timer is not None
        assert timer.interval_s == interval
        assert session_expires(response(headers=headers)) == (interval, "uac")

    def test_too_small_gets_422_with_our_minimum(self) -> None:
        with pytest.raises(TooSmall) as caught:
            as_uas(request("119"), TimerSettings(1800, 120))
        assert caught.value.status == 422
        assert caught.value.headers == (("Min-SE", "120"),)

    def test_a_peer_that_could_not_read_a_422_gets_a_longer_one(self) -> None:
        """Erratum 1687: refusing would end the call for a header that a proxy put in."""
        timer, headers = as_uas(request("60", knows=False), TimerSettings(1800, 120))
        assert timer == SessionTimer(120, US)
        assert ("Session-Expires", "120;refresher=uas") in headers

    def test_and_one_that_respects_a_proxys_minimum(self) -> None:
        timer, _ = as_uas(request("60", knows=False, least="300"), TimerSettings(1800, 120))
        assert timer == SessionTimer(300, US)

    def test_without_a_wish_ours_is_put_in(self) -> None:
        assert as_uas(request(), OURS)[0] == SessionTimer(1800, PEER)
        assert as_uas(request(knows=False), OURS)[0] == SessionTimer(1800, US)

    def test_but_not_below_the_minimum_of_the_way(self) -> None:
        assert as_uas(request(least="3600"), OURS)[0] == SessionTimer(3600, PEER)

    def test_nobody_asks(self) -> None:
        assert as_uas(request(), NONE) == (None, [])
        assert as_uas(request(knows=False), NONE) == (None, [])

    def test_we_ask_for_none_but_grant_one(self) -> None:
        assert as_uas(request("600"), NONE)[0] == SessionTimer(600, PEER)


class TestSection7_4_Refresh:
    """In the middle of a session the roles stay with whom they were, whoever sends."""

    @pytest.mark.parametrize("whose", [US, PEER])
    def test_the_peers_refresh_without_a_refresher(self, whose: Refresher) -> None:
        timer, _ = as_uas(request("600", method="UPDATE"), OURS, SessionTimer(600, whose))
        assert timer == SessionTimer(600, whose)

    def test_the_peer_may_move_the_duty(self) -> None:
        timer, _ = as_uas(request("600;refresher=uas"), OURS, SessionTimer(600, PEER))
        assert timer == SessionTimer(600, US)

    def test_the_peers_refresh_without_session_expires_keeps_the_timer(self) -> None:
        timer, headers = as_uas(request(), NONE, SessionTimer(600, US))
        assert timer == SessionTimer(600, US)
        assert ("Session-Expires", "600;refresher=uas") in headers

    @pytest.mark.parametrize(("whose", "role"), [(US, "uac"), (PEER, "uas")])
    def test_ours_repeats_interval_and_role(self, whose: Refresher, role: str) -> None:
        """As the sender of this request we are its uac, whatever we were before."""
        assert request_headers(OURS, SessionTimer(600, whose)) == [("Session-Expires", f"600;refresher={role}")]

    def test_ours_is_never_below_the_minimum_that_a_422_named(self) -> None:
        settings = after_too_small(response(422, [("Min-SE", "900")]), OURS)
        assert request_headers(settings, SessionTimer(600, US)) == [
            ("Session-Expires", "900;refresher=uac"),
            ("Min-SE", "900"),
        ]


class TestSection7_1_OurRequest:
    def test_it_asks_and_leaves_the_role_open(self) -> None:
        assert request_headers(OURS) == [("Session-Expires", "1800")]

    def test_min_se_is_said_where_it_is_not_the_default(self) -> None:
        assert request_headers(TimerSettings(1800, 300)) == [("Session-Expires", "1800"), ("Min-SE", "300")]

    def test_it_asks_for_nothing(self) -> None:
        assert request_headers(NONE) == []


class TestSection7_2_OurResponse:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            ("600;refresher=uac", SessionTimer(600, US)),
            ("600;refresher=uas", SessionTimer(600, PEER)),
            ("600", SessionTimer(600, US)),  # the parameter is mandatory here; doing it ourselves is safe
        ],
    )
    def test_whose_duty(self, value: str, expected: SessionTimer) -> None:
        assert as_uac(response(headers=[("Session-Expires", value)])) == expected

    def test_no_timer(self) -> None:
        assert as_uac(response()) is None

    def test_what_cannot_be_read(self) -> None:
        with pytest.raises(PeerError):
            as_uac(response(headers=[("Session-Expires", "never")]))


class TestSection7_3_TooSmall:
    def test_the_second_try_asks_for_what_was_named(self) -> None:
        settings = after_too_small(response(422, [("Min-SE", "3600")]), OURS)
        assert settings == TimerSettings(3600, 3600)
        assert request_headers(settings) == [("Session-Expires", "3600"), ("Min-SE", "3600")]

    def test_a_long_interval_of_ours_stays(self) -> None:
        assert after_too_small(response(422, [("Min-SE", "120")]), OURS) == TimerSettings(1800, 120)

    def test_our_own_minimum_never_falls(self) -> None:
        assert after_too_small(response(422, [("Min-SE", "200")]), TimerSettings(120, 300)) == TimerSettings(200, 300)

    @pytest.mark.parametrize("headers", [[], [("Min-SE", "90")], [("Min-SE", "x")]])
    def test_one_that_names_nothing_new_is_not_tried_again(self, headers: Pairs) -> None:
        with pytest.raises(PeerError):
            after_too_small(response(422, headers), OURS)

    def test_no_endless_exchange(self) -> None:
        settings = after_too_small(response(422, [("Min-SE", "2000")]), OURS)
        with pytest.raises(PeerError):
            after_too_small(response(422, [("Min-SE", "2000")]), settings)


class TestSection10_Times:
    @pytest.mark.parametrize(
        ("interval", "refresh", "dead"), [(1800, 900, 1768), (90, 45, 60), (96, 48, 64), (600, 300, 568)]
    )
    def test_refresh_at_half_and_death_before_the_end(self, interval: int, refresh: int, dead: int) -> None:
        timer = SessionTimer(interval, US)
        assert timer.refresh_after_s == refresh
        assert timer.dead_after_s == dead
        assert timer.refresh_after_s < timer.dead_after_s < interval


class TestTwoOfUs:
    """Both ends of a session are ours: they must agree, over any number of refreshes by either side."""

    def exchange(self, timers: list[SessionTimer | None], sender: int) -> None:
        ask = incoming("UPDATE", headers=[("Supported", "timer"), *request_headers(OURS, timers[sender])])
        granted, headers = as_uas(ask, OURS, timers[1 - sender])
        timers[1 - sender] = granted
        timers[sender] = as_uac(ask.respond(200, headers=headers))

    @pytest.mark.parametrize("first", [0, 1])
    def test_exactly_one_refreshes(self, first: int) -> None:
        timers: list[SessionTimer | None] = [None, None]
        self.exchange(timers, first)
        duty = timers[0]
        for sender in (0, 1, 1, 0, 0):
            self.exchange(timers, sender)
            one, other = timers
            assert one is not None
            assert other is not None
            assert {one.refresher, other.refresher} == {US, PEER}
            assert one == duty  # and it stays with whom it was
