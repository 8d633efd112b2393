"""What happens to dialogs and transactions in rough networks: strays, crossings, forks, moved contacts."""

from __future__ import annotations

import pytest

from splitter.core.errors import PeerError
from splitter.sdp.compare import Change, audio_change
from splitter.sdp.offer_answer import check_reoffer
from splitter.sdp.parse import parse
from splitter.sip.dialog import Dialog
from splitter.sip.events import CancelArrived, RequestArrived, ResponseArrived, Transmit
from splitter.sip.message import Request, Response
from splitter.sip.parse import parse_message
from splitter.sip.reliable import ReliableReceiver, ReliableSender, rack
from tests.sip.stand import Stand, incoming, outgoing, timeline, what

CONTACT = ("Contact", "<sip:13800000000@10.0.0.9:5060>")
SDP = "v=0\no=- 3841 3841 IN IP4 192.0.2.33\ns=-\nc=IN IP4 192.0.2.33\nt=0 0\nm=audio 4000 RTP/AVP 8\n"


def reply(stand: Stand, sent: Transmit, status: int, tag: str = "peer", **headers: str) -> Response:
    """The peer's response, with headers."""
    response = stand.reply(sent, status, tag)
    for name, value in headers.items():
        response.headers.add(name, value)
    return response


class Test200ToAnAck:
    """Some proxies answer everything. Nothing waits for such a response, and it must not look like one to the INVITE."""

    def answered(self, stand: Stand) -> tuple[str, Transmit]:
        txn = stand.request(outgoing())
        invite = stand.last_sent()
        (arrived,) = stand.receive(reply(stand, invite, 200))
        assert isinstance(arrived, ResponseArrived)
        stand.acknowledge(txn, arrived.response)
        return txn, stand.last_sent()

    @pytest.mark.parametrize("status", [100, 180, 200, 405, 481])
    def test_of_a_2xx_is_dropped(self, status: int) -> None:
        stand = Stand()
        _, ack = self.answered(stand)
        assert isinstance(ack.message, Request)
        assert ack.message.method == "ACK"
        assert stand.receive(reply(stand, ack, status)) == []

    def test_with_the_branch_of_the_invite_too(self) -> None:
        stand = Stand()
        stand.request(outgoing())
        invite = stand.last_sent()
        assert what(stand.receive(reply(stand, invite, 486))) == ["> ACK", "ResponseArrived 486"]
        ack = stand.last_sent()
        assert ack.message.via.branch == invite.message.via.branch
        assert stand.receive(reply(stand, ack, 200)) == []
        stand.run(60)
        assert len(stand.endpoint) == 0

    def test_the_call_goes_on(self) -> None:
        stand = Stand()
        txn, ack = self.answered(stand)
        stand.receive(reply(stand, ack, 200))
        again = reply(stand, next(out for _, out in stand.record if isinstance(out, Transmit)), 200)
        assert what(stand.receive(again)) == ["> ACK"]  # the real 2xx, repeated, still gets its ACK
        assert txn


class TestCancelCrosses200:
    def test_as_server_the_200_stands(self) -> None:
        stand = Stand()
        arrived = stand.receive(incoming())[-1]
        assert isinstance(arrived, RequestArrived)
        stand.respond(arrived.txn, arrived.request, 200)
        assert what(stand.receive(incoming("CANCEL"))) == ["> 200"]
        assert timeline(stand.run(0.5)) == [(0.5, "> 200")]
        assert what(stand.receive(incoming("ACK", branch="z9hG4bKack", to_tag="ours"))) == ["AckArrived"]

    def test_as_client_both_come_and_the_200_is_told(self) -> None:
        stand = Stand()
        txn = stand.request(outgoing())
        invite = stand.last_sent()
        stand.receive(reply(stand, invite, 180))
        assert what(stand.cancel(txn)) == ["> CANCEL"]
        cancel = stand.last_sent()
        assert what(stand.receive(reply(stand, invite, 200))) == ["ResponseArrived 200"]
        assert stand.receive(reply(stand, cancel, 200)) == []

    def test_of_a_re_invite_the_dialog_stays(self) -> None:
        stand = Stand()
        arrived = stand.receive(incoming(to_tag="ours", cseq=2))[-1]
        assert isinstance(arrived, RequestArrived)
        outputs = stand.receive(incoming("CANCEL", to_tag="ours", cseq=2))
        assert what(outputs) == ["> 200", "CancelArrived"]
        assert isinstance(outputs[1], CancelArrived)
        assert what(stand.respond(arrived.txn, arrived.request, 487, to_tag=None)) == ["> 487"]
        assert stand.last_sent().message.to_tag == "ours"


class TestSeveralEarlyDialogs:
    """A fork behind the centre or the SBC: each branch has a tag, a target and reliable responses of its own."""

    def test_each_branch_is_a_dialog(self) -> None:
        stand = Stand()
        stand.request(outgoing(headers=[CONTACT]))
        invite = stand.last_sent()
        assert isinstance(invite.message, Request)
        dialogs = []
        for tag in ("a", "b", "c"):
            response = reply(stand, invite, 183, tag, Contact=f"<sip:agent@10.0.0.{len(tag)}:50{ord(tag)}>")
            (arrived,) = stand.receive(response)
            assert isinstance(arrived, ResponseArrived)
            dialogs.append(Dialog.as_uac(invite.message, arrived.response))
        assert len({dialog.id for dialog in dialogs}) == 3
        assert len({dialog.remote_target for dialog in dialogs}) == 3
        assert [dialog.request("PRACK").cseq for dialog in dialogs] == [(8, "PRACK")] * 3

    def test_reliable_responses_are_counted_per_branch(self) -> None:
        senders = {tag: ReliableSender(first, 7) for tag, first in (("a", 100), ("b", 5))}
        receivers = {tag: ReliableReceiver() for tag in senders}
        for tag in ("a", "b", "b", "a"):
            response = incoming(cseq=7).respond(183, to_tag=tag, headers=senders[tag].headers())
            assert receivers[tag].take(response)
            senders[tag].confirm(incoming("PRACK", to_tag=tag, cseq=8, headers=[("RAck", rack(response))]))

    def test_two_branches_answer_and_both_are_told(self) -> None:
        stand = Stand()
        txn = stand.request(outgoing())
        invite = stand.last_sent()
        for tag in ("a", "b"):
            (arrived,) = stand.receive(reply(stand, invite, 200, tag))
            assert isinstance(arrived, ResponseArrived)
            assert arrived.response.to_tag == tag
            assert what(stand.acknowledge(txn, arrived.response)) == ["> ACK"]


class TestSameVersionWithANewContact:
    """A handset that moved its signalling and not its media: the target follows, the session is left alone."""

    def dialog(self) -> Dialog:
        return Dialog.as_uas(incoming(headers=[CONTACT]), "ours")

    @pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
    def test_the_target_follows(self, method: str) -> None:
        dialog = self.dialog()
        dialog.receive(incoming(method, to_tag="ours", cseq=2, headers=[("m", "<sip:13800000000@10.0.0.77:5099>")]))
        assert dialog.request("BYE").uri == "sip:13800000000@10.0.0.77:5099"

    def test_the_session_is_the_same(self) -> None:
        before, after = parse(SDP), parse(SDP)
        check_reoffer(before, after)
        assert audio_change(before.media[0], after.media[0], before, after) is Change.NONE

    def test_an_info_moves_nothing(self) -> None:
        dialog = self.dialog()
        dialog.receive(incoming("INFO", to_tag="ours", cseq=2, headers=[("m", "<sip:13800000000@10.0.0.77:5099>")]))
        assert dialog.remote_target == "sip:13800000000@10.0.0.9:5060"

    def test_one_that_came_too_late_moves_nothing(self) -> None:
        dialog = self.dialog()
        dialog.receive(incoming("UPDATE", to_tag="ours", cseq=5, headers=[("m", "<sip:new@10.0.0.78>")]))
        with pytest.raises(PeerError) as caught:
            dialog.receive(incoming("UPDATE", to_tag="ours", cseq=4, headers=[("m", "<sip:old@10.0.0.79>")]))
        assert caught.value.status == 500
        assert dialog.remote_target == "sip:new@10.0.0.78"

    def test_the_route_set_stays(self) -> None:
        request = incoming(headers=[CONTACT, ("Record-Route", "<sip:10.0.0.9;lr>")])
        dialog = Dialog.as_uas(request, "ours")
        moved = [("m", "<sip:x@10.0.0.77>"), ("Record-Route", "<sip:10.0.0.66;lr>")]
        dialog.receive(incoming("INVITE", to_tag="ours", cseq=2, headers=moved))
        assert dialog.request("BYE").headers.get_all("Route") == ["<sip:10.0.0.9;lr>"]


class TestOptionsInTheDialog:
    """SRVCC begins with OPTIONS or UPDATE from the network: it counts as a request of the dialog and changes nothing."""

    def test_it_advances_the_number_alone(self) -> None:
        dialog = Dialog.as_uas(incoming(headers=[CONTACT]), "ours")
        target = dialog.remote_target
        dialog.receive(incoming("OPTIONS", to_tag="ours", cseq=2, headers=[("m", "<sip:mgcf@10.0.0.50>")]))
        assert (dialog.remote_cseq, dialog.remote_target) == (2, target)
        dialog.receive(incoming("INVITE", to_tag="ours", cseq=3, headers=[("m", "<sip:mgcf@10.0.0.50>")]))
        assert dialog.remote_target == "sip:mgcf@10.0.0.50"

    def test_our_own_parser_reads_what_we_send_there(self) -> None:
        dialog = Dialog.as_uas(incoming(headers=[CONTACT]), "ours")
        request = dialog.request("UPDATE", headers=[("Via", "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1")])
        assert parse_message(request.serialize()).cseq == (1, "UPDATE")
