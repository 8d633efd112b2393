"""The endpoint as a whole: where messages belong, where responses go, and what is left in the end."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from splitter.core.errors import PeerError
from splitter.core.ids import IdSource
from splitter.core.net import Address, Flow
from splitter.sip.endpoint import Endpoint
from splitter.sip.events import (
    AckArrived,
    AckTimedOut,
    CancelArrived,
    Output,
    RequestArrived,
    RequestFailed,
    ResponseArrived,
    TransactionEnded,
    Transmit,
)
from splitter.sip.message import Request
from splitter.sip.parse import parse_message
from splitter.sip.timers import Timers
from splitter.sip.transactions.invite_client import INVITE_CLIENT
from splitter.sip.transactions.invite_server import INVITE_SERVER
from splitter.sip.transactions.non_invite_client import NON_INVITE_CLIENT
from splitter.sip.transactions.non_invite_server import NON_INVITE_SERVER
from splitter.sip.transactions.schedule import Schedule
from splitter.sip.transactions.side import waits
from splitter.sip.transactions.table import RETRANSMISSIONS, Event, Step, TransactionState, Transitions
from tests.garbage import held_by
from tests.sip.stand import TCP, UDP, US, Stand, ack_of, incoming, outgoing, timeline, what

TABLES: Mapping[str, Transitions] = {
    "INVITE client": INVITE_CLIENT,
    "non-INVITE client": NON_INVITE_CLIENT,
    "INVITE server": INVITE_SERVER,
    "non-INVITE server": NON_INVITE_SERVER,
}


@pytest.fixture
def stand() -> Stand:
    return Stand()


def steps(table: Transitions) -> list[tuple[TransactionState, Event, Step]]:
    return [(state, event, step) for state, row in table.items() for event, step in row.items()]


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
class TestTables:
    def test_every_state_that_is_entered_has_a_row(self, table: Transitions) -> None:
        assert {step.next for _, _, step in steps(table)} - {TransactionState.TERMINATED} <= set(table)

    def test_every_timer_that_is_started_or_kept_is_awaited(self, table: Transitions) -> None:
        for _, _, step in steps(table):
            for timer in (*step.start, *step.keep):
                assert timer in table[step.next]

    def test_every_timer_has_a_length(self, table: Transitions) -> None:
        assert {timer for _, _, step in steps(table) for timer in step.start} <= set(waits(Timers()))

    def test_at_most_one_retransmission_and_one_limit_start_at_a_time(self, table: Transitions) -> None:
        for _, _, step in steps(table):
            assert len([timer for timer in step.start if timer in RETRANSMISSIONS]) <= 1
            assert len([timer for timer in step.start if timer not in RETRANSMISSIONS]) <= 1

    def test_every_state_leads_to_its_end(self, table: Transitions) -> None:
        ends: set[TransactionState] = {TransactionState.TERMINATED}
        while more := {state for state, _, step in steps(table) if step.next in ends} - ends:
            ends |= more
        assert set(table) <= ends

    def test_every_state_is_reached(self, table: Transitions) -> None:
        first = next(iter(table))
        reached = {first}
        while more := {step.next for state, _, step in steps(table) if state in reached} - reached:
            reached |= more
        assert set(table) <= reached


class TestReceivedAndRportSection18_2_1Rfc3581:
    """Where the peer says it is (sent-by), where it really is, and where responses go."""

    CASES = (
        # sent-by, Via parameters, source → port of the response, received, rport
        ("10.0.0.9:5060", "", ("10.0.0.9", 5060), 5060, None, None),
        ("10.0.0.9:5080", "", ("10.0.0.9", 40000), 5080, None, None),
        ("10.0.0.9", "", ("10.0.0.9", 40000), 5060, None, None),
        ("192.168.1.2:5070", "", ("10.0.0.9", 40000), 5070, "10.0.0.9", None),
        ("sbc.example.net", "", ("10.0.0.9", 5060), 5060, "10.0.0.9", None),
        ("192.168.1.2:5070", ";rport", ("10.0.0.9", 40000), 40000, "10.0.0.9", 40000),
        ("10.0.0.9", ";rport", ("10.0.0.9", 5060), 5060, "10.0.0.9", 5060),
        ("192.168.1.2", ";rport=1;received=1.2.3.4", ("10.0.0.9", 40000), 40000, "10.0.0.9", 40000),
        ("192.168.1.2;maddr=10.9.9.9", "", ("10.0.0.9", 5060), 5060, "10.0.0.9", None),
    )

    @pytest.mark.parametrize(("sent_by", "params", "source", "port", "received", "rport"), CASES)
    def test_udp(
        self,
        stand: Stand,
        sent_by: str,
        params: str,
        source: tuple[str, int],
        port: int,
        received: str | None,
        rport: int | None,
    ) -> None:
        flow = UDP._replace(remote=Address(*source))
        stand.receive(incoming(sent_by=sent_by, via_params=params), flow)
        sent = stand.last_sent()
        assert sent.flow == flow._replace(remote=Address("10.0.0.9", port))
        assert (sent.message.via.received, sent.message.via.rport) == (received, rport)

    def test_tcp_answers_over_the_connection(self, stand: Stand) -> None:
        flow = TCP._replace(remote=Address("10.0.0.9", 51234))
        stand.receive(incoming(sent_by="10.0.0.9:5060"), flow)
        assert stand.last_sent().flow == flow

    def test_ipv6(self, stand: Stand) -> None:
        flow = Flow("access", "udp", Address("2001:db8::1", 5060), Address("2001:db8::9", 40000))
        stand.receive(incoming(sent_by="[2001:db8::5]:5060", via_params=";rport"), flow)
        assert stand.last_sent().message.via.received == "2001:db8::9"
        assert stand.last_sent().flow == flow

    def test_other_vias_stay_as_they_are(self, stand: Stand) -> None:
        below = "SIP/2.0/TCP p1.example.net;branch=z9hG4bKb, SIP/2.0/UDP ua ;branch=z9hG4bKc"
        stand.receive(incoming(sent_by="sbc.example.net", headers=[("v", below)]))
        sent = stand.last_sent().message
        assert [via.host for via in sent.vias] == ["sbc.example.net", "p1.example.net", "ua"]
        assert sent.headers.get_all("via")[1] == below

    def test_the_user_sees_the_stamped_via_and_the_true_flow(self, stand: Stand) -> None:
        flow = UDP._replace(remote=Address("10.0.0.9", 40000))
        (_, arrived) = stand.receive(incoming(sent_by="sbc.example.net:5080"), flow)
        assert isinstance(arrived, RequestArrived)
        assert arrived.flow == flow
        assert arrived.request.via.received == "10.0.0.9"


class TestMatchingSection17_2_3:
    def test_sent_by_tells_equal_branches_apart(self, stand: Stand) -> None:
        stand.receive(incoming(call_id="a"))
        assert what(stand.receive(incoming(sent_by="10.0.0.9:5099", call_id="b"))) == ["> 100", "RequestArrived"]

    def test_the_default_port_is_5060_and_hosts_have_no_case(self, stand: Stand) -> None:
        stand.receive(incoming(sent_by="SBC.example.net"))
        assert what(stand.receive(incoming(sent_by="sbc.example.net:5060"))) == ["> 100"]

    def test_another_method_is_another_transaction(self, stand: Stand) -> None:
        stand.receive(incoming("OPTIONS"))
        assert what(stand.receive(incoming("MESSAGE"))) == ["RequestArrived"]

    @pytest.mark.parametrize("branch", [None, "1", "Z9hG4b"])
    def test_peers_of_rfc_2543_are_matched_by_the_other_fields(self, stand: Stand, branch: str | None) -> None:
        (_, arrived) = stand.receive(incoming(branch=branch))
        assert isinstance(arrived, RequestArrived)
        assert what(stand.receive(incoming(branch=branch))) == ["> 100"]
        assert what(stand.receive(incoming(branch=branch, cseq=2))) == ["> 100", "RequestArrived"]
        stand.respond(arrived.txn, arrived.request, 486)
        assert stand.receive(incoming("ACK", branch=branch, to_tag="ours")) == []
        assert timeline(stand.run(60)) == [(5.0, "TransactionEnded")]

    def test_cancel_of_rfc_2543(self, stand: Stand) -> None:
        stand.receive(incoming(branch=None))
        assert what(stand.receive(incoming("CANCEL", branch=None))) == ["> 200", "CancelArrived"]

    def test_the_cookie_has_no_case(self, stand: Stand) -> None:
        stand.receive(incoming(branch="Z9HG4BKx", call_id="a"))
        assert what(stand.receive(incoming(branch="Z9HG4BKx", call_id="a"))) == ["> 100"]


class TestMergedRequestsSection8_2_2_2:
    def test_the_same_request_over_another_path_gets_482(self, stand: Stand) -> None:
        stand.receive(incoming())
        outputs = stand.receive(incoming(branch="z9hG4bKpath2"))
        assert what(outputs) == ["> 482"]

    def test_its_ack_and_repetitions_are_taken_care_of(self, stand: Stand) -> None:
        stand.receive(incoming())
        first = stand.receive(incoming(branch="z9hG4bKpath2"))
        assert stand.receive(incoming(branch="z9hG4bKpath2")) == first
        tag = stand.last_sent().message.to_tag
        assert tag
        stand.receive(incoming("ACK", branch="z9hG4bKpath2", to_tag=tag))
        assert stand.run(60) == []
        assert len(stand.endpoint) == 1

    @pytest.mark.parametrize("other", [{"cseq": 2}, {"call_id": "other"}, {"from_tag": "other"}])
    def test_another_request_is_welcome(self, stand: Stand, other: dict[str, object]) -> None:
        stand.receive(incoming())
        outputs = stand.receive(incoming(branch="z9hG4bKpath2", **other))  # type: ignore[arg-type]
        assert what(outputs) == ["> 100", "RequestArrived"]

    def test_inside_a_dialog_nothing_is_merged(self, stand: Stand) -> None:
        stand.receive(incoming(to_tag="ours"))
        assert what(stand.receive(incoming(branch="z9hG4bKpath2", to_tag="ours"))) == ["> 100", "RequestArrived"]

    def test_after_the_first_has_ended_it_is_forgotten(self, stand: Stand) -> None:
        (arrived,) = stand.receive(incoming("OPTIONS"))
        assert isinstance(arrived, RequestArrived)
        stand.respond(arrived.txn, arrived.request, 200)
        stand.run(60)
        assert what(stand.receive(incoming("OPTIONS", branch="z9hG4bKpath2"))) == ["RequestArrived"]


class TestToTagSection8_2_6_2:
    def test_one_that_the_user_left_out_is_put_in_and_stays_the_same(self, stand: Stand) -> None:
        (_, arrived) = stand.receive(incoming())
        assert isinstance(arrived, RequestArrived)
        (ringing,) = stand.respond(arrived.txn, arrived.request, 180, to_tag=None)
        (busy,) = stand.respond(arrived.txn, arrived.request, 486, to_tag=None)
        assert isinstance(ringing, Transmit)
        assert isinstance(busy, Transmit)
        assert ringing.message.to_tag == busy.message.to_tag is not None

    def test_one_that_the_user_gave_is_kept(self, stand: Stand) -> None:
        (_, arrived) = stand.receive(incoming())
        assert isinstance(arrived, RequestArrived)
        stand.respond(arrived.txn, arrived.request, 180, to_tag="mine")
        assert stand.last_sent().message.to_tag == "mine"


class TestBadInput:
    @pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq", "Via"])
    def test_a_request_that_cannot_be_identified_changes_nothing(self, stand: Stand, name: str) -> None:
        request = incoming()
        request.headers.set(name, "< <")
        with pytest.raises(PeerError):
            stand.receive(request)
        assert len(stand.endpoint) == 0
        assert stand.endpoint.next_timeout() is None

    def test_a_response_that_cannot_be_identified_changes_nothing(self, stand: Stand) -> None:
        stand.request(outgoing())
        response = stand.reply(stand.last_sent(), 200)
        response.headers.set("CSeq", "seven")
        with pytest.raises(PeerError):
            stand.receive(response)
        assert timeline(stand.run(0.5)) == [(0.5, "> INVITE")]

    def test_a_response_to_nothing_is_dropped(self, stand: Stand) -> None:
        stand.request(outgoing())
        answer = stand.reply(stand.last_sent(), 200)
        assert Stand().receive(answer) == []

    def test_a_client_transaction_cannot_be_answered_nor_a_server_one_cancelled(self, stand: Stand) -> None:
        txn = stand.request(outgoing())
        assert stand.respond(txn, incoming(), 200) == []
        (_, arrived) = stand.receive(incoming())
        assert isinstance(arrived, RequestArrived)
        assert stand.cancel(arrived.txn) == []


class TestBounds:
    def test_past_the_limit_requests_get_503_and_leave_nothing(self) -> None:
        stand = Stand(limit=2)
        stand.receive(incoming(call_id="a", branch="z9hG4bKa"))
        stand.receive(incoming(call_id="b", branch="z9hG4bKb"))
        assert what(stand.receive(incoming(call_id="c", branch="z9hG4bKc"))) == ["> 503"]
        response = stand.last_sent().message
        assert response.headers.get("Retry-After") == "5"
        assert response.to_tag
        assert len(stand.endpoint) == 2

    def test_past_the_limit_what_is_known_goes_on(self) -> None:
        stand = Stand(limit=1)
        stand.receive(incoming())
        assert what(stand.receive(incoming())) == ["> 100"]

    def test_past_the_limit_calls_can_still_be_ended(self) -> None:
        stand = Stand(limit=1)
        stand.receive(incoming())
        assert what(stand.receive(incoming("CANCEL"))) == ["> 200", "CancelArrived"]
        stand = Stand(limit=1)
        stand.receive(incoming())
        assert what(stand.receive(incoming("BYE", branch="z9hG4bKb", to_tag="ours", cseq=2))) == ["RequestArrived"]
        assert what(stand.receive(incoming("BYE", branch="z9hG4bKc", to_tag="ours", cseq=3))) == ["> 503"]

    def test_cancelled_alarms_do_not_pile_up(self) -> None:
        schedule: Schedule[str] = Schedule()
        keep = [schedule.set(1e6 + i, "keep", Event.L) for i in range(100)]
        for i in range(100_000):
            schedule.cancel(schedule.set(1000.0 + i, "x", Event.A))
            assert len(schedule) < 2000
        for alarm in keep:
            schedule.cancel(alarm)
        assert schedule.next() is None
        assert len(schedule) == 0

    def test_alarms_of_one_instant_fire_in_their_order(self) -> None:
        schedule: Schedule[int] = Schedule()
        for i in range(5):
            schedule.set(1.0, i, Event.A)
        assert [schedule.pop(1.0) for _ in range(6)] == [*((i, Event.A) for i in range(5)), None]

    def test_cancelling_twice_or_late_does_no_harm(self) -> None:
        schedule: Schedule[str] = Schedule()
        alarm = schedule.set(1.0, "a", Event.A)
        schedule.pop(1.0)
        schedule.cancel(alarm)
        other = schedule.set(2.0, "b", Event.B)
        schedule.cancel(alarm)
        assert schedule.pop(2.0) == ("b", Event.B)
        schedule.cancel(other)
        assert len(schedule) == 0


class Link:
    """Two endpoints over a lossy, slow, reordering network in virtual time; their users place and answer calls."""

    def __init__(self, seed: int, loss: float, flow_kind: str) -> None:
        self.random = random.Random(seed)
        self.loss = loss
        ends = {"a": Address("10.0.0.1", 5060), "b": Address("10.0.0.9", 5060)}
        self.flows = {
            "a": Flow("n", flow_kind, ends["a"], ends["b"]),
            "b": Flow("n", flow_kind, ends["b"], ends["a"]),
        }
        self.endpoints = {side: Endpoint(Timers(), IdSource(random.Random(f"{seed}{side}"))) for side in "ab"}
        self.now = 0.0
        self.wire: list[tuple[float, int, str, bytes]] = []
        self.serial = 0
        self.live: dict[str, set[str]] = {"a": set(), "b": set()}
        self.outcomes: dict[str, list[str]] = {}
        self.later: list[tuple[float, str, str, Request]] = []

    def carry_out(self, side: str, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Transmit):
                self.transmit(side, output)
            elif isinstance(output, TransactionEnded):
                self.live[side].remove(output.txn)
            elif side == "a":
                self.hear(output)
            else:
                self.serve(output)

    def transmit(self, side: str, output: Transmit) -> None:
        for _ in range(1 + (self.random.random() < 0.1)):  # now and then a datagram is doubled
            if self.random.random() >= self.loss:
                self.serial += 1
                at = self.now + self.random.uniform(0.001, 0.3)
                self.wire.append((at, self.serial, "b" if side == "a" else "a", output.data))

    def place(self, call_id: str) -> str:
        request = outgoing()
        request.headers.set("Call-ID", call_id)
        txn, outputs = self.endpoints["a"].request(request, self.flows["a"], US, self.now)
        self.live["a"].add(txn)
        self.outcomes[txn] = []
        self.carry_out("a", outputs)
        return txn

    def hear(self, event: Output) -> None:
        assert not isinstance(event, Transmit)
        seen = self.outcomes[event.txn]
        if isinstance(event, ResponseArrived):
            seen.append(str(event.response.status))
            if 200 <= event.response.status < 300:
                ack = ack_of(event.response)
                self.carry_out("a", self.endpoints["a"].acknowledge(event.txn, ack, self.flows["a"], self.now))
        elif isinstance(event, RequestFailed):
            seen.append(f"failed {event.status}")

    def serve(self, event: Output) -> None:
        if isinstance(event, RequestArrived):
            assert event.txn not in self.live["b"], "told twice"
            self.live["b"].add(event.txn)
            self.later.append((self.now + self.random.uniform(0, 3), "180", event.txn, event.request))
            final = self.random.choice(["200", "486"])
            self.later.append((self.now + self.random.uniform(0.5, 6), final, event.txn, event.request))
        elif isinstance(event, CancelArrived):
            self.later.append((self.now, "487", event.txn, event.request))
        elif isinstance(event, AckArrived | AckTimedOut):
            assert event.txn in self.live["b"]

    def run(self, until: float) -> None:
        while True:
            times = [at for at, *_ in (*self.wire, *self.later)]
            times += [at for e in self.endpoints.values() if (at := e.next_timeout()) is not None]
            if not times or min(times) > until:
                return
            self.now = max(self.now, min(times))
            for side, endpoint in self.endpoints.items():
                self.carry_out(side, endpoint.on_timeout(self.now))
            for item in sorted(item for item in self.wire if item[0] <= self.now):
                self.wire.remove(item)
                message = parse_message(item[3])
                self.carry_out(item[2], self.endpoints[item[2]].receive(message, self.flows[item[2]], self.now))
            for due in [due for due in self.later if due[0] <= self.now]:
                self.later.remove(due)
                _, status, txn, request = due
                response = request.respond(int(status), to_tag="srv")
                if request.method == "CANCEL":
                    response.headers.set("CSeq", f"{request.cseq[0]} INVITE")
                self.carry_out("b", self.endpoints["b"].respond(txn, response, self.now))


class TestLossyNetwork:
    """Whatever is lost, doubled or overtaken: both sides come to an end, each final is told once, nothing is left."""

    @pytest.mark.parametrize("seed", range(12))
    @pytest.mark.parametrize("loss", [0.0, 0.3])
    def test_calls_end_and_leave_nothing(self, seed: int, loss: float) -> None:
        link = Link(seed, loss, "udp")
        held = [held_by(endpoint) for endpoint in link.endpoints.values()]
        for i in range(8):
            txn = link.place(f"call{i}")
            if i % 2:
                link.run(link.now + link.random.uniform(0, 4))
                link.carry_out("a", link.endpoints["a"].cancel(txn, link.now))
        link.run(1000.0)
        for seen in link.outcomes.values():
            finals = [status for status in seen if not status.startswith("1")]
            assert len(finals) == 1
            if loss == 0:
                assert finals[0] in ("200", "486", "487")
        assert link.live == {"a": set(), "b": set()}
        for endpoint in link.endpoints.values():
            assert len(endpoint) == 0
            assert endpoint.next_timeout() is None
        assert [held_by(endpoint) for endpoint in link.endpoints.values()] == held
