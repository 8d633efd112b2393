"""The centre's INVITE: who calls, how it is told the call id, and what must not get through."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from splitter.calls.peers.identity import Destination, call_id_headers, identity_of, voice_invite
from splitter.calls.settings import Role, Trunk
from splitter.core.errors import PeerError
from splitter.core.ids import IdSource
from splitter.core.net import Address
from splitter.sdp.model import Connection, Media, Origin, Session
from splitter.sip.message import Request
from splitter.sip.parse import parse_message

SBC = Trunk("sbc", Role.ACCESS, "access", (), trusted=True)
PBX = Trunk("pbx", Role.CENTRE, "core", (), address=Address("10.2.0.5", 5060), trusted=True)
OFFER = Session(Origin.of("10.2.0.1", 7), (Media("audio", 4000, "RTP/AVP", ("8",)),), Connection.to("10.2.0.1"))


def invite(*lines: str, sender: str = '"Wang" <sip:+8613900000000@ims.example>;tag=a') -> Request:
    head = [
        "INVITE sip:110@10.1.0.1 SIP/2.0",
        "Via: SIP/2.0/UDP 10.1.0.5:5060;branch=z9hG4bK1",
        f"From: {sender}",
        "To: <sip:110@10.1.0.1>",
        "Call-ID: 1@h",
        "CSeq: 1 INVITE",
        *(lines or ("Max-Forwards: 30",)),
        "Content-Length: 0",
    ]
    request = parse_message(("\r\n".join(head) + "\r\n\r\n").encode())
    assert isinstance(request, Request)
    return request


def made(request: Request, *, source: Trunk = SBC, to: Trunk = PBX, number: str = "110") -> Request:
    """What is on the wire, read again: nothing that was smuggled in stays hidden."""
    where = Destination(to, number, Address("10.2.0.1", 5060))
    ids = IdSource(random.Random(1))
    sent = voice_invite(identity_of(request, source.trusted), where, "callid123456", ids, OFFER)
    sent.headers.prepend("Via", "SIP/2.0/UDP 10.2.0.1;branch=z9hG4bK2")
    again = parse_message(sent.serialize())
    assert isinstance(again, Request)
    return again


class TestIdentity:
    def test_the_caller_stays_the_caller(self) -> None:
        sent = made(invite())
        assert (sent.from_.display, sent.from_.user) == ("Wang", "+8613900000000")
        assert sent.from_.sip.host == "10.2.0.1"
        assert (sent.uri, sent.to.uri) == ("sip:110@10.2.0.5:5060", "sip:110@10.2.0.5:5060")
        assert sent.to_tag is None and sent.from_tag not in (None, "a")

    def test_one_hop_less(self) -> None:
        assert made(invite("Max-Forwards: 30")).max_forwards == 29

    def test_no_hop_left(self) -> None:
        with pytest.raises(PeerError) as caught:
            made(invite("Max-Forwards: 0"))
        assert caught.value.status == 483

    @pytest.mark.parametrize(
        "user",
        ["139%0d%0aP-Asserted-Identity:%20%3csip:110%40police%3e", "a%20b", "x%40y", "a%22b", "%3c%3e", "%e4%bd%a0"],
    )
    def test_a_number_cannot_smuggle_anything_in(self, user: str) -> None:
        sent = made(invite(sender=f"<sip:{user}@h>;tag=a"), number="1\r\nX-Evil: 2")
        assert "x-evil" not in sent.headers and "p-asserted-identity" not in sent.headers
        assert sent.uri == "sip:1%0D%0AX-Evil%3A%202@10.2.0.5:5060"
        assert sent.from_.user == invite(sender=f"<sip:{user}@h>;tag=a").from_.user

    def test_numbers_look_as_usual(self) -> None:
        assert made(invite(), number="*21#").uri == "sip:*21%23@10.2.0.5:5060"
        assert made(invite(), number="+8610").uri == "sip:+8610@10.2.0.5:5060"

    def test_a_tel_uri_becomes_a_number(self) -> None:
        assert made(invite(sender="<tel:+86-139;phone-context=x>;tag=a")).from_.user == "+86139"

    def test_a_caller_without_a_number(self) -> None:
        sent = made(invite(sender="<sip:anonymous.invalid>;tag=a"))
        assert sent.from_.uri == "sip:10.2.0.1:5060"

    def test_ipv6_and_tcp(self) -> None:
        trunk = replace(PBX, address=Address("2001:db8::5", 5070), transport="tcp")
        assert made(invite(), to=trunk).uri == "sip:110@[2001:db8::5]:5070;transport=tcp"


class TestTrust:
    ASSERTED = ("P-Asserted-Identity: <sip:+86139@ims.example>", "P-Asserted-Identity: <tel:+86139>")

    def test_identity_passes_between_trusted_trunks(self) -> None:
        sent = made(invite(*self.ASSERTED, "Privacy: id"))
        assert sent.headers.get_all("p-asserted-identity") == ["<sip:+86139@ims.example>", "<tel:+86139>"]
        assert sent.headers.get("privacy") == "id"

    @pytest.mark.parametrize("source_trusted", [True, False])
    def test_it_stops_where_trust_ends(self, source_trusted: bool) -> None:
        source = replace(SBC, trusted=source_trusted)
        sent = made(invite(*self.ASSERTED, "Privacy: none"), source=source, to=replace(PBX, trusted=not source_trusted))
        assert "p-asserted-identity" not in sent.headers and "privacy" not in sent.headers
        assert sent.from_.user == "+8613900000000"

    @pytest.mark.parametrize("privacy", ["id", "user;critical", "session; header", "id, critical"])
    def test_who_hides_is_not_named_to_the_untrusted(self, privacy: str) -> None:
        lines = (f"Privacy: {privacy}", *self.ASSERTED, "Diversion: <sip:+86139@h>", "History-Info: <sip:+86139@h>")
        sent = made(invite(*lines), to=replace(PBX, trusted=False))
        assert b"139" not in sent.serialize()
        assert sent.from_.sip.host == "anonymous.invalid"

    @pytest.mark.parametrize(
        ("line", "told"),
        [
            ("Diversion: <tel:+861>;privacy=full, <sip:2@h>;privacy=off", ["<sip:2@h>;privacy=off"]),
            ('Diversion: "A, B" <sip:1@h>;privacy="name"', []),
            (
                "History-Info: <sip:1@h?Reason=SIP%3Bcause%3D302&Privacy=history>;index=1, <sip:2@h>;index=1.1",
                ["<sip:anonymous@anonymous.invalid>;index=1", "<sip:2@h>;index=1.1"],
            ),
            ("History-Info: <sip:1@h?privacy=none>;index=1", ["<sip:1@h?privacy=none>;index=1"]),
            ("Diversion: <sip:1@h;privacy=full", []),
        ],
    )
    def test_a_number_that_is_private_by_itself_is_not_told_to_the_untrusted(self, line: str, told: list[str]) -> None:
        """RFC 5806 §5, RFC 7044 §10.1.2: who called first may hide though the caller does not."""
        name = line.partition(":")[0]
        assert made(invite(line), to=replace(PBX, trusted=False)).headers.get_all(name) == told
        assert made(invite(line)).headers.get_all(name) == [line.partition(": ")[2]]

    def test_where_the_call_came_by_is_carried(self) -> None:
        lines = ("History-Info: <sip:1@h>;index=1", "Diversion: <sip:2@h>", "User-to-User: 00;encoding=hex")
        sent = made(invite(*lines), to=replace(PBX, trusted=False))
        assert [sent.headers.get(name) for name in ("history-info", "diversion", "user-to-user")] == [
            "<sip:1@h>;index=1",
            "<sip:2@h>",
            "00;encoding=hex",
        ]

    def test_what_is_the_access_networks_business_stays_there(self) -> None:
        lines = ("P-Access-Network-Info: 3GPP-NR;cell=1", "P-Charging-Vector: icid-value=1", "X-Splitter-Call: forged")
        sent = made(invite(*lines, "Accept-Contact: *;video", "Route: <sip:10.1.0.1;lr>", "Require: precondition"))
        for name in ("p-access-network-info", "p-charging-vector", "accept-contact", "route", "require", "contact"):
            assert name not in sent.headers
        assert sent.headers.get_all("x-splitter-call") == ["callid123456"]


class TestOursByUserToUser:
    THEIRS = "7765623b637573746f6d65723d432d34373131;encoding=hex"  # web;customer=C-4711
    OURS = f"{b'callid123456'.hex()};encoding=hex"
    TOLD = replace(PBX, call_id_headers=("user-to-user", "x-splitter-call"))

    def test_is_all_that_a_centre_gets_of_a_caller_from_an_untrusted_network(self) -> None:
        source = replace(SBC, trusted=False)
        sent = made(invite(f"User-to-User: {self.THEIRS}", "Diversion: <sip:2@h>"), source=source, to=self.TOLD)
        assert sent.headers.get_all("user-to-user") == [self.OURS]
        assert sent.headers.get("diversion") == "<sip:2@h>"

    def test_comes_before_what_a_trusted_network_has_said(self) -> None:
        sent = made(invite(f"User-to-User: {self.THEIRS}"), to=self.TOLD)
        assert sent.headers.get_all("user-to-user") == [self.OURS, self.THEIRS]

    def test_is_none_where_the_centre_wants_none(self) -> None:
        sent = made(invite(f"User-to-User: {self.THEIRS}"), source=replace(SBC, trusted=False))
        assert sent.headers.get_all("user-to-user") == [self.THEIRS]


class TestCallId:
    def test_ways_to_tell_it(self) -> None:
        trunk = replace(PBX, call_id_headers=("user-to-user", "x-splitter-call"))
        assert call_id_headers(trunk, "ab") == [("User-to-User", "6162;encoding=hex"), ("X-Splitter-Call", "ab")]

    def test_none_is_wanted(self) -> None:
        assert "x-splitter-call" not in made(invite(), to=replace(PBX, call_id_headers=())).headers
