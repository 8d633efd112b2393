"""REFER (RFC 3515): whom it names, what it brings along, and what of that is believed."""

from __future__ import annotations

import pytest

from splitter.core.errors import PeerError
from splitter.sip.dialog import DialogId
from splitter.sip.headers import Headers
from splitter.sip.message import Request
from splitter.sip.refer import referral_of, sipfrag


def refer(*headers: tuple[str, str]) -> Request:
    return Request("REFER", "sip:us", Headers([("CSeq", "7 REFER"), *headers]))


class TestTheTarget:
    @pytest.mark.parametrize(
        ("to", "number"),
        [
            ("<sip:8002@10.1.0.20>", "8002"),
            ("sip:8002@10.1.0.20;user=phone", "8002"),
            ('"Agent" <sips:8002@pbx.example;transport=tls>', "8002"),
            ("<tel:+86-10-1234;phone-context=x>", "+86101234"),
            ("<sip:%38002@10.1.0.20;method=INVITE>", "8002"),
        ],
    )
    def test_is_a_number(self, to: str, number: str) -> None:
        assert referral_of(refer(("Refer-To", to))).number == number

    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ((), 400),
            ((("Refer-To", "<sip:1@a>"), ("Refer-To", "<sip:2@a>")), 400),
            ((("Refer-To", "<sip:a>"),), 400),
            ((("Refer-To", "<sip:8%0d%0aVia:x@a>"),), 400),
            ((("Refer-To", "<sip:8002@a;method=BYE>"),), 403),
            ((("Refer-To", "<mailto:a@b>"),), 416),
            ((("Refer-To", "<javascript:alert(1)>"),), 416),
            ((("Refer-To", f"<sip:{'8' * 65}@a>"),), 400),
            ((("Refer-To", f"<sip:8@{'a' * 600}>"),), 400),
        ],
    )
    def test_may_be_none(self, headers: tuple[tuple[str, str], ...], status: int) -> None:
        with pytest.raises(PeerError) as fault:
            referral_of(refer(*headers))
        assert fault.value.status == status


class TestReplaces:
    def test_is_passed_on_as_it_is(self) -> None:
        said = referral_of(refer(("Refer-To", "<sip:8002@a?Subject=x&Replaces=c%40d%3Bto-tag%3D1%3Bfrom-tag%3D2>")))
        assert said.replaces == "c@d;to-tag=1;from-tag=2"
        assert said.dialog is not None and said.dialog.dialog == DialogId("c@d", "1", "2")

    def test_may_stand_in_no_brackets(self) -> None:
        said = referral_of(refer(("Refer-To", "sip:8002@a;user=phone?Replaces=c%40d%3Bto-tag%3D1%3Bfrom-tag%3D2")))
        assert (said.number, said.replaces) == ("8002", "c@d;to-tag=1;from-tag=2")

    @pytest.mark.parametrize(
        "value",
        ["c", "c%3Bto-tag%3D1", "c%3Bto-tag%3D1%3Bfrom-tag%3D2&replaces=c", "c%0D%0AX:y%3Bto-tag%3D1%3Bfrom-tag%3D2"],
    )
    def test_that_cannot_be_read_is_refused(self, value: str) -> None:
        with pytest.raises(PeerError):
            referral_of(refer(("Refer-To", f"<sip:8002@a?Replaces={value}>")))


class TestWhatItBrings:
    def test_is_kept_where_it_can_be_read(self) -> None:
        to = ("Refer-To", "<sip:8002@a>")
        assert referral_of(refer(to, ("Referred-By", "<sip:8001@a>;cid=x"))).referred_by == "<sip:8001@a>;cid=x"
        assert referral_of(refer(to, ("Referred-By", '"never <sip:8001@a>'))).referred_by == ""
        assert referral_of(refer(to)).told and referral_of(refer(to)).subscription == "7"
        assert not referral_of(refer(to, ("Refer-Sub", "False"))).told


def test_a_notice_is_a_status_line() -> None:
    assert sipfrag(180, "Ringing") == b"SIP/2.0 180 Ringing\r\n"
    assert sipfrag(486, "B\udcffs\r\ny\x00" + "!" * 500) == b"SIP/2.0 486 Bsy" + b"!" * 73 + b"\r\n"
