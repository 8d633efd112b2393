"""Dialogs, by the sections of RFC 3261 §12."""

from __future__ import annotations

import pytest

from splitter.core.errors import LocalError, PeerError
from splitter.sip.dialog import Dialog, DialogId
from splitter.sip.message import Request, Response
from splitter.sip.parse import parse_message


def invite(*extra: str, uri: str = "sip:centre@192.0.2.1", contact: str = "<sip:caller@192.0.2.9:5070>") -> Request:
    lines = [
        f"INVITE {uri} SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa",
        'From: "Caller" <sip:caller@example.org>;tag=ft;x=y',
        "To: <sip:centre@example.org>",
        "Call-ID: call-1",
        "CSeq: 10 INVITE",
        *([f"Contact: {contact}"] if contact else []),
        *extra,
    ]
    message = parse_message("\r\n".join([*lines, "", ""]).encode())
    assert isinstance(message, Request)
    return message


def answer(request: Request, status: int = 200, *extra: tuple[str, str], tag: str | None = "tt") -> Response:
    response = request.respond(status, to_tag=tag, headers=extra)
    response.headers.remove("Record-Route")
    for name, value in extra:
        if name == "Record-Route":
            response.headers.add(name, value)
    return response


CONTACT = ("Contact", "<sip:agent@198.51.100.1>")


@pytest.fixture
def uas() -> Dialog:
    return Dialog.as_uas(invite("Record-Route: <sip:p1;lr>, <sip:p2;lr>", "Record-Route: <sip:p3;lr>"), "tt")


@pytest.fixture
def uac() -> Dialog:
    return Dialog.as_uac(invite(), answer(invite(), 200, CONTACT, ("Record-Route", "<sip:p1;lr>,<sip:p2;lr>")))


class TestSection12_1_1_UasBehavior:
    def test_a_topology_that_is_hidden_in_quotes_comes_back(self) -> None:
        contact = 'sip:192.0.2.9:5070;thinfo="UEVEZBYfcDqxi2l0+w=="'
        request = Dialog.as_uas(invite(contact=f"<{contact}>"), "tt").request("BYE")
        assert request.serialize().startswith(f"BYE {contact} SIP/2.0\r\n".encode())

    def test_state(self, uas: Dialog) -> None:
        assert uas.id == DialogId("call-1", "tt", "ft")
        assert uas.route_set == ("<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3;lr>")
        assert uas.remote_target == "sip:caller@192.0.2.9:5070"
        assert uas.local == "<sip:centre@example.org>;tag=tt"
        assert uas.remote == '"Caller" <sip:caller@example.org>;tag=ft;x=y'
        assert (uas.local_cseq, uas.remote_cseq) == (0, 10)
        assert not uas.secure

    def test_sips(self) -> None:
        assert Dialog.as_uas(invite(uri="sips:centre@h"), "tt").secure

    def test_peer_without_a_tag(self) -> None:
        request = invite()
        request.headers.set("From", "<sip:old@example.org>")
        dialog = Dialog.as_uas(request, "tt")
        assert dialog.id == DialogId("call-1", "tt", "")
        assert dialog.request("BYE").headers.get("To") == "<sip:old@example.org>"

    @pytest.mark.parametrize("contact", ["", "*", "<sip:x", "nobody"])
    def test_no_usable_contact(self, contact: str) -> None:
        with pytest.raises(PeerError) as caught:
            Dialog.as_uas(invite(contact=contact), "tt")
        assert caught.value.status == 400

    def test_unreadable_record_route(self) -> None:
        with pytest.raises(PeerError):
            Dialog.as_uas(invite("Record-Route: p1"), "tt")


class TestSection12_1_2_UacBehavior:
    def test_state(self, uac: Dialog) -> None:
        assert uac.id == DialogId("call-1", "ft", "tt")
        assert uac.route_set == ("<sip:p2;lr>", "<sip:p1;lr>")
        assert uac.remote_target == "sip:agent@198.51.100.1"
        assert (uac.local_cseq, uac.remote_cseq) == (10, None)
        assert uac.remote == "<sip:centre@example.org>;tag=tt"

    def test_early_dialogs_of_one_invite_differ(self) -> None:
        first = Dialog.as_uac(invite(), answer(invite(), 180, CONTACT, tag="a"))
        second = Dialog.as_uac(invite(), answer(invite(), 183, CONTACT, tag="b"))
        assert first.id != second.id

    def test_18x_without_contact(self) -> None:
        assert Dialog.as_uac(invite(), answer(invite(), 180)).remote_target == "sip:centre@192.0.2.1"

    def test_section_13_2_2_4_the_2xx_computes_the_route_set_once_more(self) -> None:
        dialog = Dialog.as_uac(invite(), answer(invite(), 180, CONTACT, ("Record-Route", "<sip:early;lr>")))
        dialog.confirm(answer(invite(), 200, ("Contact", "<sip:final>"), ("Record-Route", "<sip:p1;lr>")))
        assert dialog.route_set == ("<sip:p1;lr>",)
        assert dialog.remote_target == "sip:final"


class TestSection12_2_1_1_GeneratingTheRequest:
    def test_loose_routing(self, uas: Dialog) -> None:
        request = uas.request("BYE", headers=[("Reason", "Q.850;cause=16")])
        assert request.serialize() == (
            b"BYE sip:caller@192.0.2.9:5070 SIP/2.0\r\n"
            b"Route: <sip:p1;lr>\r\n"
            b"Route: <sip:p2;lr>\r\n"
            b"Route: <sip:p3;lr>\r\n"
            b"Max-Forwards: 70\r\n"
            b"From: <sip:centre@example.org>;tag=tt\r\n"
            b'To: "Caller" <sip:caller@example.org>;tag=ft;x=y\r\n'
            b"Call-ID: call-1\r\n"
            b"CSeq: 1 BYE\r\n"
            b"Reason: Q.850;cause=16\r\n"
            b"Content-Length: 0\r\n"
            b"\r\n"
        )
        assert uas.next_hop == "sip:p1;lr"

    def test_no_routes(self) -> None:
        dialog = Dialog.as_uas(invite(), "tt")
        assert dialog.request("BYE").uri == "sip:caller@192.0.2.9:5070"
        assert "Route" not in dialog.request("BYE").headers
        assert dialog.next_hop == "sip:caller@192.0.2.9:5070"

    def test_strict_routing(self) -> None:
        dialog = Dialog.as_uas(invite("Record-Route: <sip:strict@p1;method=INVITE?a=b>, <sip:p2;lr>"), "tt")
        request = dialog.request("BYE")
        assert request.uri == "sip:strict@p1"
        assert request.headers.values("Route") == ["<sip:p2;lr>", "<sip:caller@192.0.2.9:5070>"]
        assert dialog.next_hop.startswith("sip:strict@p1")

    def test_routes_without_brackets_are_loose(self) -> None:
        dialog = Dialog.as_uas(invite("Record-Route: sip:p1;lr, sip:p2;lr", "Record-Route: <sip:p3>;lr"), "tt")
        request = dialog.request("BYE")
        assert request.uri == "sip:caller@192.0.2.9:5070"
        assert request.headers.values("Route") == ["<sip:p1;lr>", "<sip:p2;lr>", "<sip:p3>;lr"]
        assert dialog.next_hop == "sip:p1;lr"

    @pytest.mark.parametrize("contact", ["<sip:c@h?X-H=1&Route=%3Csip:x%3E>", "<sip:c@h;method=INVITE>", "<sip:c@h>"])
    def test_what_a_contact_may_have_and_a_request_uri_may_not(self, contact: str) -> None:
        """RFC 3261 §19.1.1: no headers, no method."""
        by_request = Dialog.as_uas(invite(contact=contact), "tt")
        by_response = Dialog.as_uac(invite(), answer(invite(), 200, ("Contact", contact)))
        moved = Dialog.as_uac(invite(), answer(invite(), 200, CONTACT))
        moved.refresh(answer(invite(), 200, ("Contact", contact)))
        for dialog in (by_request, by_response, moved):
            assert dialog.request("BYE").uri == "sip:c@h"

    def test_the_only_route_is_strict(self) -> None:
        dialog = Dialog.as_uas(invite("Record-Route: sip:p1"), "tt")
        request = dialog.request("BYE")
        assert request.uri == "sip:p1"
        assert request.headers.values("Route") == ["<sip:caller@192.0.2.9:5070>"]

    def test_cseq_grows_by_one(self, uac: Dialog) -> None:
        assert [uac.request(method).cseq for method in ("UPDATE", "INVITE", "BYE")] == [
            (11, "UPDATE"),
            (12, "INVITE"),
            (13, "BYE"),
        ]

    def test_body(self, uac: Dialog) -> None:
        request = uac.request("INVITE", body=b"v=0", content_type="application/sdp")
        assert (request.content_type, request.body) == ("application/sdp", b"v=0")

    @pytest.mark.parametrize("method", ["ACK", "CANCEL"])
    def test_not_for_ack_and_cancel(self, uac: Dialog, method: str) -> None:
        with pytest.raises(LocalError):
            uac.request(method)
        assert uac.local_cseq == 10

    def test_what_it_writes_can_be_read(self, uac: Dialog) -> None:
        request = uac.request("INVITE")
        request.headers.prepend("Via", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb")
        again = parse_message(request.serialize())
        assert (again.call_id, again.from_tag, again.to_tag) == uac.id


class TestSection13_2_2_4_Ack:
    def test_number_of_the_invite_and_route_set_of_the_dialog(self, uac: Dialog) -> None:
        uac.request("UPDATE")
        ack = uac.ack(10, body=b"v=0", content_type="application/sdp")
        assert ack.cseq == (10, "ACK")
        assert ack.uri == "sip:agent@198.51.100.1"
        assert ack.headers.values("Route") == ["<sip:p2;lr>", "<sip:p1;lr>"]
        assert ack.body == b"v=0"
        assert uac.local_cseq == 11


class TestSection12_2_2_ReceivingARequest:
    def request(self, method: str, number: int, contact: str = "") -> Request:
        request = invite(contact=contact)
        request.method = method
        request.headers.set("CSeq", f"{number} {method}")
        return request

    def test_higher_number(self, uas: Dialog) -> None:
        uas.receive(self.request("INFO", 20))
        assert uas.remote_cseq == 20

    def test_lower_number_is_500(self, uas: Dialog) -> None:
        uas.receive(self.request("INFO", 20))
        with pytest.raises(PeerError) as caught:
            uas.receive(self.request("UPDATE", 19, "<sip:elsewhere>"))
        assert caught.value.status == 500
        assert uas.remote_cseq == 20
        assert uas.remote_target == "sip:caller@192.0.2.9:5070"

    def test_first_request_of_the_peer_sets_the_number(self, uac: Dialog) -> None:
        uac.receive(self.request("BYE", 3))
        assert uac.remote_cseq == 3

    @pytest.mark.parametrize("method", ["ACK", "CANCEL"])
    def test_ack_and_cancel_of_an_earlier_invite(self, uas: Dialog, method: str) -> None:
        uas.receive(self.request("UPDATE", 20))
        uas.receive(self.request(method, 10, "<sip:elsewhere>"))
        assert uas.remote_cseq == 20
        assert uas.remote_target == "sip:caller@192.0.2.9:5070"

    @pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
    def test_target_refresh(self, uas: Dialog, method: str) -> None:
        request = self.request(method, 11, "<sip:moved@192.0.2.10>")
        request.headers.add("Record-Route", "<sip:other;lr>")
        uas.receive(request)
        assert uas.remote_target == "sip:moved@192.0.2.10"
        assert uas.route_set[0] == "<sip:p1;lr>"

    @pytest.mark.parametrize("method", ["INFO", "BYE", "MESSAGE"])
    def test_other_methods_do_not_refresh(self, uas: Dialog, method: str) -> None:
        uas.receive(self.request(method, 11, "<sip:moved>"))
        assert uas.remote_target == "sip:caller@192.0.2.9:5070"

    def test_without_contact_the_target_stays(self, uas: Dialog) -> None:
        uas.receive(self.request("UPDATE", 11))
        assert uas.remote_target == "sip:caller@192.0.2.9:5070"

    def test_unreadable_contact_changes_nothing(self, uas: Dialog) -> None:
        with pytest.raises(PeerError):
            uas.receive(self.request("UPDATE", 11, "<sip:"))
        assert uas.remote_cseq == 10


class TestSection12_2_1_2_ProcessingResponses:
    def test_2xx_refreshes_the_target_but_not_the_routes(self, uac: Dialog) -> None:
        request = uac.request("INVITE")
        request.headers.prepend("Via", "SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKb")
        uac.refresh(answer(request, 200, ("Contact", "<sip:moved>"), ("Record-Route", "<sip:other;lr>")))
        assert uac.remote_target == "sip:moved"
        assert uac.route_set == ("<sip:p2;lr>", "<sip:p1;lr>")

    @pytest.mark.parametrize(("method", "status"), [("INVITE", 180), ("INVITE", 488), ("INFO", 200)])
    def test_others_do_not(self, uac: Dialog, method: str, status: int) -> None:
        uac.refresh(answer(uac.request(method), status, ("Contact", "<sip:moved>")))
        assert uac.remote_target == "sip:agent@198.51.100.1"
