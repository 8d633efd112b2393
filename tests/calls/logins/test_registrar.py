"""calls/logins/registrar.py: what a REGISTER does, rule by rule; time is an argument."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.calls.logins.accounts import RegistrarSettings
from splitter.calls.logins.registrar import Registered, Registrar
from splitter.core.errors import PeerError
from splitter.core.net import Address, Flow
from splitter.sip.headers import Headers
from splitter.sip.message import Request

HERE = Address("192.0.2.1", 5060)
FLOW = Flow("access", "udp", HERE, Address("198.51.100.7", 40000))
OTHER = Flow("access", "tcp", HERE, Address("198.51.100.8", 50000))
INSTANCE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"'


@pytest.fixture
def registrar() -> Registrar:
    return Registrar(RegistrarSettings(min_expires_s=60, max_expires_s=3600, contacts=3, seats=2))


def request(
    *contacts: str, user: str = "8001", expires: str | None = None, cseq: int = 1, call_id: str = "a@b", **more: str
) -> Request:
    headers = Headers(
        [
            ("Via", "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1"),
            ("From", f"<sip:{user}@seats>;tag=1"),
            ("To", f"<sip:{user}@seats>"),
            ("Call-ID", call_id),
            ("CSeq", f"{cseq} REGISTER"),
            *[("Contact", contact) for contact in contacts],
        ]
    )
    if expires is not None:
        headers.add("Expires", expires)
    for name, value in more.items():
        headers.add(name.replace("_", "-"), value)
    return Request("REGISTER", "sip:seats", headers)


def contacts_of(done: Registered) -> list[str]:
    return [value for name, value in done.headers if name == "Contact"]


def refused(registrar: Registrar, asked: Request, now: float = 0.0) -> PeerError:
    before = registrar.all(now)
    with pytest.raises(PeerError) as caught:
        registrar.register("desks", asked, FLOW, now)
    assert registrar.all(now) == before, "all of it or nothing (§10.3)"
    return caught.value


class TestRegistering:
    def test_binds_the_contact_to_the_flow_it_came_on(self, registrar: Registrar) -> None:
        done = registrar.register("desks", request("<sip:8001@10.0.0.9:5060>;q=0.7", expires="600"), FLOW, 100.0)
        (binding,) = registrar.bindings("desks", "8001", 100.0)
        assert (binding.contact, binding.flow, binding.expires_at) == ("sip:8001@10.0.0.9:5060", FLOW, 700.0)
        assert contacts_of(done) == ["<sip:8001@10.0.0.9:5060>;q=0.7;expires=600"]
        assert done.gained == (binding,)

    @pytest.mark.parametrize(
        ("contact", "expires", "granted_s"),
        [
            ("<sip:a@h>;expires=120", "600", 120),  # the parameter goes before the header (§10.2.1.1)
            ("<sip:a@h>", "600", 600),
            ("<sip:a@h>", None, 3600),
            ("<sip:a@h>", "86400", 3600),
            ("<sip:a@h>;expires=soon", None, 3600),  # §20.10: malformed counts as an hour
            ("<sip:a@h>", "99999999999999999999", 3600),
        ],
    )
    def test_grants_a_time_within_the_bounds(
        self, registrar: Registrar, contact: str, expires: str | None, granted_s: int
    ) -> None:
        registrar.register("desks", request(contact, expires=expires), FLOW, 0.0)
        assert registrar.bindings("desks", "8001", 0.0)[0].expires_at == granted_s

    def test_of_a_time_too_short_is_told_the_shortest(self, registrar: Registrar) -> None:
        error = refused(registrar, request("<sip:a@h>", "<sip:b@h>;expires=59"))
        assert (error.status, getattr(error, "headers", None)) == (423, (("Min-Expires", "60"),))

    def test_without_contact_asks_what_there_is(self, registrar: Registrar) -> None:
        registrar.register("desks", request("<sip:a@h>", expires="600"), FLOW, 0.0)
        done = registrar.register("desks", request(cseq=2), FLOW, 100.4)
        assert contacts_of(done) == ["<sip:a@h>;expires=500"]
        assert (done.gained, done.refreshed, done.lost) == ((), (), ())

    def test_keeps_seats_of_different_trunks_apart(self, registrar: Registrar) -> None:
        registrar.register("desks", request("<sip:a@h>"), FLOW, 0.0)
        assert registrar.bindings("others", "8001", 0.0) == []


class TestRefreshing:
    def test_moves_the_flow_and_the_end_but_not_the_beginning(self, registrar: Registrar) -> None:
        registrar.register("desks", request("<sip:a@H:5060>", expires="600"), FLOW, 0.0)
        done = registrar.register("desks", request("<sip:a@h:5060>", expires="600", cseq=2), OTHER, 500.0)
        (binding,) = registrar.bindings("desks", "8001", 500.0)
        assert (binding.since, binding.expires_at, binding.flow) == (0.0, 1100.0, OTHER)
        assert done.refreshed == (binding,)

    def test_that_was_overtaken_changes_nothing(self, registrar: Registrar) -> None:
        registrar.register("desks", request("<sip:a@h>", cseq=5), FLOW, 0.0)
        assert refused(registrar, request("<sip:a@h>", expires="0", cseq=4)).status == 500
        assert refused(registrar, request("*", expires="0", cseq=5)).status == 500

    def test_of_a_restarted_client_counts_from_anew(self, registrar: Registrar) -> None:
        registrar.register("desks", request("<sip:a@h>", cseq=5), FLOW, 0.0)
        registrar.register("desks", request("<sip:a@h>", cseq=1, call_id="new"), FLOW, 1.0)
        assert len(registrar.bindings("desks", "8001", 1.0)) == 1


class TestUnregistering:
    def test_one_contact(self, registrar: Registrar) -> None:
        registrar.register("desks", request("<sip:a@h>", "<sip:b@h>"), FLOW, 0.0)
        done = registrar.register("desks", request("<sip:a@h>;expires=0", cseq=2), FLOW, 1.0)
        assert [binding.contact for binding in done.lost] == ["sip:a@h"]
        assert [binding.contact for binding in registrar.bindings("desks", "8001", 1.0)] == ["sip:b@h"]

    def test_all_by_the_star(self, registrar: Registrar) -> None:
        registrar.register("desks", request("<sip:a@h>", "<sip:b@h>"), FLOW, 0.0)
        done = registrar.register("desks", request("*", expires="0", cseq=2), FLOW, 1.0)
        assert contacts_of(done) == []
        assert len(done.lost) == 2
        assert len(registrar) == 0

    @pytest.mark.parametrize(
        "asked",
        [request("*"), request("*", expires="60"), request("*", "<sip:a@h>", expires="0"), request("*", expires="x")],
    )
    def test_by_a_star_that_is_not_alone_or_not_zero_is_an_error(self, registrar: Registrar, asked: Request) -> None:
        assert refused(registrar, asked).status == 400

    def test_who_is_not_there_is_no_error(self, registrar: Registrar) -> None:
        assert registrar.register("desks", request("<sip:a@h>", expires="0"), FLOW, 0.0).lost == ()
        assert len(registrar) == 0


class TestExpiring:
    def test_takes_place_at_its_time(self, registrar: Registrar) -> None:
        registrar.register("desks", request("<sip:a@h>", expires="60"), FLOW, 100.0)
        registrar.register("desks", request("<sip:b@h>", expires="90", cseq=2), FLOW, 100.0)
        assert registrar.next_expiry() == 160.0
        assert registrar.expire(159.9) == []
        assert [binding.contact for binding in registrar.expire(160.0)] == ["sip:a@h"]
        assert registrar.next_expiry() == 190.0
        registrar.expire(190.0)
        assert (len(registrar), registrar.next_expiry()) == (0, None)

    def test_shows_even_before_anybody_cleans_up(self, registrar: Registrar) -> None:
        registrar.register("desks", request("<sip:a@h>", expires="60"), FLOW, 100.0)
        assert registrar.bindings("desks", "8001", 160.0) == registrar.all(160.0) == []


class TestBounds:
    def test_a_further_contact_replaces_the_one_refreshed_longest_ago(self, registrar: Registrar) -> None:
        for number in range(5):
            done = registrar.register("desks", request(f"<sip:c{number}@h>", cseq=number + 1), FLOW, float(number))
        assert [b.contact for b in registrar.bindings("desks", "8001", 5.0)] == ["sip:c4@h", "sip:c3@h", "sip:c2@h"]
        assert [binding.contact for binding in done.lost] == ["sip:c1@h"]

    def test_one_request_cannot_bring_any_number(self, registrar: Registrar) -> None:
        assert refused(registrar, request(*[f"<sip:c{number}@h>" for number in range(21)])).status == 400

    def test_more_seats_than_may_be_get_503(self, registrar: Registrar) -> None:
        for user in ("1", "2"):
            registrar.register("desks", request("<sip:a@h>", user=user), FLOW, 0.0)
        assert refused(registrar, request("<sip:a@h>", user="3")).status == 503
        registrar.register("desks", request("<sip:b@h>", user="1", cseq=2), FLOW, 0.0)
        registrar.register("desks", request("*", user="2", expires="0", cseq=2), FLOW, 0.0)
        registrar.register("desks", request("<sip:a@h>", user="3"), FLOW, 0.0)

    @pytest.mark.parametrize("contact", ["<tel:+123>", "<mailto:a@b>"])
    def test_a_contact_that_is_not_sip_cannot_be_a_seat(self, registrar: Registrar, contact: str) -> None:
        assert refused(registrar, request(contact)).status == 400

    def test_an_unknown_extension_gets_420(self, registrar: Registrar) -> None:
        error = refused(registrar, request("<sip:a@h>", Require="path, telepathy"))
        assert (error.status, getattr(error, "headers", None)) == (420, (("Unsupported", "telepathy"),))


class TestOutbound:
    """RFC 5626 and RFC 3327, as far as one gateway without edge proxies of its own needs them."""

    def test_one_device_has_one_binding_per_flow(self, registrar: Registrar) -> None:
        contact = f"<sip:8001@10.0.0.9>;reg-id=1;{INSTANCE}"
        done = registrar.register("desks", request(contact), FLOW, 0.0)
        assert ("Require", "outbound") in done.headers
        assert "reg-id=1" in contacts_of(done)[0] and "+sip.instance" in contacts_of(done)[0]
        moved = f"<sip:8001@10.0.0.77:6000>;reg-id=1;{INSTANCE}"
        registrar.register("desks", request(moved, call_id="after-a-reboot"), OTHER, 1.0)
        (binding,) = registrar.bindings("desks", "8001", 1.0)
        assert (binding.contact, binding.flow) == ("sip:8001@10.0.0.77:6000", OTHER)
        assert binding.instance == "<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"

    def test_another_reg_id_is_another_flow(self, registrar: Registrar) -> None:
        for number in (1, 2):
            contact = f"<sip:8001@10.0.0.9>;reg-id={number};{INSTANCE}"
            registrar.register("desks", request(contact, call_id=str(number)), FLOW, 0.0)
        assert len(registrar.bindings("desks", "8001", 0.0)) == 2

    @pytest.mark.parametrize(
        "contact", ["<sip:a@h>;reg-id=1", f"<sip:a@h>;reg-id=x;{INSTANCE}", f"<sip:a@h>;{INSTANCE}"]
    )
    def test_half_of_it_is_an_ordinary_registration(self, registrar: Registrar, contact: str) -> None:
        done = registrar.register("desks", request(contact), FLOW, 0.0)
        assert ("Require", "outbound") not in done.headers
        assert registrar.bindings("desks", "8001", 0.0)[0].reg_id == 0

    def test_a_path_is_kept_and_told(self, registrar: Registrar) -> None:
        asked = request("<sip:a@h>", Path="<sip:edge.example;lr>, <sip:inner.example;lr>", Supported="path")
        done = registrar.register("desks", asked, FLOW, 0.0)
        path = ("<sip:edge.example;lr>", "<sip:inner.example;lr>")
        assert registrar.bindings("desks", "8001", 0.0)[0].path == path
        assert [value for name, value in done.headers if name == "Path"] == list(path)

    @pytest.mark.parametrize(("edge", "reg_id"), [("<sip:edge.example;lr;ob>", 1), ("<sip:edge.example;lr>", 0)])
    def test_behind_a_proxy_counts_only_if_that_keeps_the_flow(
        self, registrar: Registrar, edge: str, reg_id: int
    ) -> None:
        asked = request(f"<sip:a@h>;reg-id=1;{INSTANCE}", Path=edge, Via="SIP/2.0/TCP 10.0.0.9;branch=z9hG4bK2")
        registrar.register("desks", asked, FLOW, 0.0)
        assert registrar.bindings("desks", "8001", 0.0)[0].reg_id == reg_id


_CONTACT = st.one_of(
    st.sampled_from(["*", "<sip:a@h>", f"<sip:b@h>;reg-id=1;{INSTANCE}", "<sip:a@h>;expires=0", "sip:x", '"'])
)


class TestAnyRegister:
    @given(st.lists(_CONTACT, max_size=4), st.sampled_from([None, "0", "60", "-1", "x"]), st.text(max_size=20))
    def test_is_carried_out_or_refused(self, contacts: list[str], expires: str | None, path: str) -> None:
        registrar = Registrar(RegistrarSettings(contacts=2))
        asked = request(*contacts, expires=expires)
        if "\r" not in path and "\n" not in path:
            asked.headers.add("Path", path)
        try:
            registrar.register("desks", asked, FLOW, 0.0)
        except PeerError:
            assert len(registrar) == 0
        assert len(registrar.all(0.0)) <= 2
