"""What becomes of each header between the caller's network, the centre and the seats: relayed, consumed, generated.

One class for each row of the table; what is trusted counts on both sides: the SBC's trunk ("sbc") and the centre's ("pbx").
Rows about the dialog itself: test_header_table_dialogs; about INFO: test_header_table_info; about early media:
test_early_media.
"""

from __future__ import annotations

import itertools

import pytest

from splitter.sip.message import Message, Request
from tests.calls.kit import arrived, connected, ended, picked_up, ringing
from tests.calls.table import TRUST, facts, header, is_status, lines_of, told, view, whole_call
from tests.world import PeerCall, World

ASSERTED = ("P-Asserted-Identity", '"Wang" <sip:+8613912345678@ims.example>')


class TestSessionId:
    """RFC 7989: the caller's half goes to the centre, the centre's to the caller, and one is made for who has none."""

    CALLER, CENTRE, NONE = "ab30317f1a784dc48ff824d0d3715d86", "47755a9de7794ba387653f2099600ef2", "0" * 32

    @pytest.mark.parametrize("untrusted", [(), ("sbc", "pbx")])
    def test_every_message_of_the_call_has_it(self, untrusted: tuple[str, ...]) -> None:
        with World(untrusted=untrusted) as world:
            with whole_call(world, ("Session-ID", f"{self.CALLER};remote={self.NONE}")) as (caller, centre, seat):
                caller.reinvite(audio="sendonly")
                centre.expect("ACK")
                assert header(centre.expect("INVITE"), "session-id") == [f"{self.CALLER};remote={self.NONE}"]
                caller.expect("200 re-INVITE")
                world.run(0.1)
                centre.unread.clear()
            for call in (caller, centre, seat):
                lines = [header(message, "session-id") for message in told(world, call) if not is_status(message, 100)]
                assert all(len(line) == 1 and self.CALLER in line[0] for line in lines), call

    def test_the_halves_change_sides(self, world: World) -> None:
        caller, centre = arrived(world, headers=[("Session-ID", f"{self.CALLER};remote={self.NONE}")])
        centre.extra = [("Session-ID", f"{self.CENTRE};remote={self.CALLER}")]
        centre.answer()
        assert header(caller.expect("200"), "session-id") == [f"{self.CENTRE};remote={self.CALLER}"]
        assert header(centre.expect("ACK"), "session-id") == [f"{self.CALLER};remote={self.CENTRE}"]
        ended(world, caller, centre)

    def test_one_is_made_for_a_caller_without(self, world: World, caller: PeerCall, centre: PeerCall) -> None:
        (made,) = header(centre.invite, "session-id")
        half = made.partition(";")[0]
        assert len(half) == 32 and half != self.NONE
        assert header(caller_200(world, caller), "session-id") == [f"{self.NONE};remote={half}"]
        ended(world, caller, centre)

    def test_a_half_that_changes_on_the_way_is_the_one_that_counts(self, world: World) -> None:
        """A centre passes the call on inside, and says so in a re-INVITE of the new branch."""
        caller, centre = connected(world)
        centre.extra = [("Session-ID", self.CENTRE)]
        centre.reinvite(audio="sendonly")
        centre.expect("200 re-INVITE")
        (line,) = header(caller.expect("INVITE"), "session-id")
        assert line.startswith(self.CENTRE)
        ended(world, caller, centre)

    def test_cancel_and_the_acks_of_refusals_have_that_of_the_invite(self, world: World) -> None:
        caller, centre = ringing(world)
        caller.cancel()
        centre.expect("CANCEL")
        caller.expect("487")
        world.settle()
        ours = [message for message in told(world, centre) if isinstance(message, Request)]
        assert {message.method for message in ours} == {"INVITE", "CANCEL", "ACK"}
        assert len({tuple(header(message, "session-id")) for message in ours}) == 1


class TestAssertedIdentityAndPrivacy:
    """RFC 3325, RFC 3323: relayed inside the trust domain alone."""

    @pytest.mark.parametrize(("untrusted", "passes"), TRUST)
    def test_of_the_caller(self, untrusted: tuple[str, ...], passes: bool) -> None:
        with World(untrusted=untrusted) as world:
            tel = ("P-Asserted-Identity", "<tel:+8613912345678>")
            with whole_call(world, ASSERTED, tel, ("Privacy", "none")) as (_, centre, seat):
                assert header(centre.invite, "p-asserted-identity") == ([ASSERTED[1], tel[1]] if passes else [])
                assert header(centre.invite, "privacy") == (["none"] if passes else [])
            assert not any(header(message, "p-asserted-identity") for message in told(world, seat))

    @pytest.mark.parametrize(("untrusted", "passes"), TRUST)
    def test_of_who_answers(self, untrusted: tuple[str, ...], passes: bool) -> None:
        with World(untrusted=untrusted) as world:
            caller, centre = arrived(world)
            agent = ("P-Asserted-Identity", "<sip:4711@pbx.example>")
            centre.ring(180, headers=[agent])
            assert header(caller.expect("180"), "p-asserted-identity") == ([agent[1]] if passes else [])
            centre.answer(headers=[agent, ("Privacy", "id")])
            answer = caller.expect("200")
            assert header(answer, "p-asserted-identity") == ([agent[1]] if passes else [])
            assert header(answer, "privacy") == (["id"] if passes else [])
            ended(world, caller, centre)

    @pytest.mark.parametrize(("untrusted", "passes"), TRUST)
    def test_a_caller_who_hides_is_named_inside_trust_alone(self, untrusted: tuple[str, ...], passes: bool) -> None:
        with World(untrusted=untrusted) as world:
            caller, centre = arrived(world, number="13912345678", headers=[ASSERTED, ("Privacy", "id; critical")])
            sent = centre.invite.serialize()
            assert (b"13912345678" in sent) is passes
            assert (b"anonymous.invalid" in sent) is not passes
            centre.answer()
            caller.expect("200")
            ended(world, caller, centre)

    @pytest.mark.parametrize(
        ("sender", "line"),
        [
            ('"Anonymous" <sip:anonymous@anonymous.invalid>', ASSERTED[1]),
            ("<sip:unavailable@unknown.invalid>", "<tel:+86-139-1234-5678;phone-context=x>"),
            ("<sip:Restricted@sbc.example>", "<sip:pbx.example>, <sip:+8613912345678@ims.example;user=phone>"),
            ("<sip:gateway.example>", ASSERTED[1]),
        ],
    )
    def test_the_record_names_the_caller_by_the_networks_word(self, sender: str, line: str) -> None:
        for untrusted, number in (((), "+8613912345678"), (("sbc",), None)):
            with World(untrusted=untrusted) as world:
                caller, centre = arrived(world, sender=sender, headers=[("P-Asserted-Identity", line)])
                assert (view(world, caller).caller == "+8613912345678") is (number is not None)
                centre.answer()
                caller.expect("200")
                ended(world, caller, centre)

    def test_a_number_that_is_shown_is_kept(self, world: World) -> None:
        caller = world.sbc.invite(number="13800000000", headers=[ASSERTED])
        world.pbx.take()
        assert view(world, caller).caller == "13800000000"

    @pytest.mark.parametrize("line", ["", '"Wang <sip:1@h', "<sip:@>", "nonsense"])
    def test_one_that_cannot_be_read_is_no_reason_to_lose_the_call(self, line: str, world: World) -> None:
        caller = world.sbc.invite(sender="<sip:anonymous@anonymous.invalid>", headers=[("P-Asserted-Identity", line)])
        world.pbx.take().answer()
        caller.expect("200")


class TestAccessNetworkInfo:
    """RFC 7315 §4.4: where the phone is; for the call's record, believed of a trusted network alone."""

    CELL = "3GPP-NR;utran-cell-id-3gpp=460001234567"

    @pytest.mark.parametrize(("untrusted", "_"), TRUST)
    def test_is_consumed(self, untrusted: tuple[str, ...], _: bool) -> None:
        with World(untrusted=untrusted) as world:
            with whole_call(world, ("P-Access-Network-Info", self.CELL)) as (caller, centre, seat):
                assert facts(world, caller).access_network == ("" if "sbc" in untrusted else self.CELL)
            for call in (centre, seat):
                assert not any(header(message, "p-access-network-info") for message in told(world, call))


class TestLocation:
    """RFC 6442, RFC 4119: read from the body that Geolocation points to, for the record; it never fails a call."""

    @staticmethod
    def pidf(name: str, position: str) -> bytes:
        xml = (
            '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:gml="http://www.opengis.net/gml">'
            f"<gml:pos>{position}</gml:pos></presence>"
        )
        return f"Content-Type: application/pidf+xml\r\nContent-ID: <{name}>\r\n\r\n{xml}".encode()

    @pytest.mark.parametrize(("untrusted", "_"), TRUST)
    def test_is_consumed(self, untrusted: tuple[str, ...], _: bool) -> None:
        with World(untrusted=untrusted) as world:
            lines = [("Geolocation", "<cid:here@ue.example>"), ("Geolocation-Routing", "yes")]
            caller, centre = arrived(world, headers=lines, parts=[self.pidf("here@ue.example", "39.9 116.4")])
            known = facts(world, caller)
            assert (known.latitude, known.longitude) == ((None, None) if "sbc" in untrusted else (39.9, 116.4))
            assert centre.invite.content_type == "application/sdp"
            assert [media.kind for media in lines_of(centre.invite)] == ["audio"]
            centre.answer()
            caller.expect("200")
            ended(world, caller, centre)
            for message in told(world, centre):
                assert not any(header(message, name) for name in ("geolocation", "geolocation-routing"))
                assert b"pidf" not in message.body

    @pytest.mark.parametrize(
        ("geolocation", "latitude"),
        [
            ("<cid:b@h>", 2.0),
            ("<cid:B%40h>", 2.0),
            ("<https://lis.example/x>, <cid:b@h>, <cid:a@h>", 2.0),
            ("<cid:elsewhere@h>", 1.0),
            ("", 1.0),
            ('"broken <cid:', 1.0),
        ],
    )
    def test_it_is_the_one_that_is_pointed_to(self, geolocation: str, latitude: float, world: World) -> None:
        parts = [self.pidf("a@h", "1.0 10.0"), self.pidf("b@h", "2.0 20.0")]
        caller = world.sbc.invite(headers=[("Geolocation", geolocation)], parts=parts)
        world.pbx.take().answer()
        assert facts(world, caller).latitude == latitude
        caller.expect("200")

    @pytest.mark.parametrize(("untrusted", "uri"), [((), "https://lis.example/x?y=1"), (("sbc",), "")])
    def test_by_reference_the_reference_is_kept(self, untrusted: tuple[str, ...], uri: str) -> None:
        with World(untrusted=untrusted) as world:
            caller, centre = arrived(world, headers=[("Geolocation", "<https://lis.example/x?y=1>")])
            assert facts(world, caller).location_uri == uri
            assert not header(centre.invite, "geolocation")

    @pytest.mark.parametrize("position", ["", "north pole", "91 181", "1"])
    def test_a_bad_one_is_answered_like_any_call(self, position: str, world: World) -> None:
        lines = [("Geolocation", "<cid:a@h>")]
        caller, centre = arrived(world, headers=lines, parts=[self.pidf("a@h", position)])
        assert facts(world, caller).latitude is None
        centre.answer()
        caller.expect("200")  # and no 424
        ended(world, caller, centre)
        assert not any(header(message, "geolocation-error") for message in told(world, caller))


class TestChargingVector:
    """RFC 7315 §4.6: the icid goes into the call's record, nothing to the centre."""

    @pytest.mark.parametrize(("untrusted", "_"), TRUST)
    def test_is_consumed(self, untrusted: tuple[str, ...], _: bool) -> None:
        with World(untrusted=untrusted) as world:
            lines = [("P-Charging-Vector", "icid-value=1234bc;orig-ioi=a"), ("P-Charging-Function-Addresses", "ccf=h")]
            with whole_call(world, *lines) as (caller, centre, seat):
                assert facts(world, caller).charging_id == ("" if "sbc" in untrusted else "1234bc")
            for call, name in itertools.product((centre, seat), ("p-charging-vector", "p-charging-function-addresses")):
                assert not any(header(message, name) for message in told(world, call))


class TestFeatures:
    """RFC 3840, RFC 3841: the phone's features are remembered; ours are told to the SBC alone."""

    OURS = ';audio;video;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"'

    @pytest.mark.parametrize("untrusted", [(), ("sbc", "pbx")])
    @pytest.mark.parametrize(
        ("lines", "capable"),
        [
            ([("Accept-Contact", "*;video;explicit")], True),
            ([("Accept-Contact", '*;+g.3gpp.icsi-ref="urn%3Aurn-7%3A3gpp-service.ims.icsi.mmtel"')], None),
            ([("a", '*;audio,*;mobility="mobile";video')], True),
            ([], None),
        ],
    )
    def test_are_consumed(self, lines: list[tuple[str, str]], capable: bool | None, untrusted: tuple[str, ...]) -> None:
        with World(untrusted=untrusted) as world:
            with whole_call(world, *lines) as (caller, centre, _):
                assert facts(world, caller).video_capable is capable
            for message in told(world, centre):
                assert not header(message, "accept-contact")
                assert not any(";video" in line or "g.3gpp" in line for line in header(message, "contact"))

    def test_of_ours_are_in_every_contact_towards_the_sbc(self, world: World) -> None:
        with whole_call(world) as (caller, centre, seat):
            centre.expect("ACK")
            centre.reinvite(audio="sendonly")
            caller.expect("INVITE")
            caller.reinvite(video="off")
            world.run(1)
            caller.unread.clear()
            centre.unread.clear()
        contacts = [line for message in told(world, caller) for line in header(message, "contact")]
        assert len(contacts) >= 4
        assert all(line.endswith(self.OURS) for line in contacts)
        assert not any("video" in line for message in told(world, seat) for line in header(message, "contact"))


class TestHistoryAndDiversion:
    """RFC 7044, RFC 5806: how the call came here is relayed; what names a caller who hides stays inside trust."""

    LINES = (("History-Info", "<sip:1@h>;index=1, <sip:2@h>;index=1.1"), ("Diversion", "<sip:3@h>;reason=no-answer"))

    @pytest.mark.parametrize(("untrusted", "trusted"), TRUST)
    @pytest.mark.parametrize("privacy", ["none", "id", "history"])
    def test_are_relayed(self, untrusted: tuple[str, ...], trusted: bool, privacy: str) -> None:
        with World(untrusted=untrusted) as world:
            world.sbc.invite(headers=[*self.LINES, ("Privacy", privacy)])
            invite = world.pbx.take().invite
            shown = {"history-info": trusted or privacy == "none", "diversion": trusted or privacy != "id"}
            for name, value in self.LINES:
                assert header(invite, name) == ([value] if shown[name.lower()] else [])

    def test_are_none_of_a_seats_business(self, world: World) -> None:
        with whole_call(world, *self.LINES) as (_, _, seat):
            pass
        assert not any(header(message, name) for message in told(world, seat) for name in ("history-info", "diversion"))


class TestUserToUser:
    """RFC 7433: opaque, both ways, in INVITE, its responses and BYE; and our own way to tell the centre the call id."""

    DATA = "56a390f3d2b7310023a2;encoding=hex;purpose=isdn-uui;content=isdn-uui"

    @pytest.mark.parametrize(("untrusted", "_"), TRUST)
    def test_of_the_caller(self, untrusted: tuple[str, ...], _: bool) -> None:
        with World(untrusted=untrusted) as world:
            caller, centre = arrived(world, headers=[("User-to-User", self.DATA)])
            assert header(centre.invite, "user-to-user") == [self.DATA]
            picked_up(caller, centre)
            caller.bye([("User-to-User", "00;encoding=hex")])
            assert header(centre.expect("BYE"), "user-to-user") == ["00;encoding=hex"]
            world.settle()

    @pytest.mark.parametrize(("untrusted", "_"), TRUST)
    def test_of_the_centre(self, untrusted: tuple[str, ...], _: bool) -> None:
        with World(untrusted=untrusted) as world:
            caller, centre = arrived(world)
            centre.ring(180, headers=[("User-to-User", "01;encoding=hex")])
            assert header(caller.expect("180"), "user-to-user") == ["01;encoding=hex"]
            centre.answer(headers=[("User-to-User", self.DATA)])
            assert header(caller.expect("200"), "user-to-user") == [self.DATA]
            world.run(0.1)
            centre.bye([("User-to-User", "02;encoding=hex")])
            assert header(caller.expect("BYE"), "user-to-user") == ["02;encoding=hex"]
            world.settle()

    def test_ours_stands_beside_the_callers_and_does_not_come_back(self) -> None:
        with World(trunk={"call_id_headers": ("user-to-user",)}) as world:
            caller, centre = arrived(world, headers=[("User-to-User", self.DATA)])
            ours, theirs = header(centre.invite, "user-to-user")
            assert theirs == self.DATA
            assert bytes.fromhex(ours.partition(";")[0]).decode() == view(world, caller).call_id
            centre.answer(headers=[("User-to-User", ours), ("User-to-User", "03")])
            assert header(caller.expect("200"), "user-to-user") == ["03"]
            ended(world, caller, centre)


class TestReason:
    """RFC 3326, RFC 6432: why, on CANCEL and BYE, and in a refusal of the centre that is told as it is."""

    WHY = 'Q.850;cause=16;text="Terminated"'

    @pytest.mark.parametrize(("untrusted", "_"), TRUST)
    @pytest.mark.parametrize("by_caller", [True, False])
    def test_on_bye_both_ways(self, by_caller: bool, untrusted: tuple[str, ...], _: bool) -> None:
        with World(untrusted=untrusted) as world:
            caller, centre = connected(world)
            one, other = (caller, centre) if by_caller else (centre, caller)
            one.bye([("Reason", self.WHY), ("Reason", "SIP;cause=200")])
            assert header(other.expect("BYE"), "reason") == [self.WHY, "SIP;cause=200"]
            world.settle()

    def test_on_cancel(self, world: World) -> None:
        caller, centre = ringing(world)
        caller.cancel('SIP;cause=200;text="Call completed elsewhere"')
        assert header(centre.expect("CANCEL"), "reason") == ['SIP;cause=200;text="Call completed elsewhere"']
        caller.expect("487")
        world.settle()

    def test_on_cancel_that_the_answer_crosses(self, world: World) -> None:
        caller, centre = ringing(world)
        caller.cancel(self.WHY)
        world.run(0.006)
        centre.answer()
        caller.expect("487")
        assert header(centre.expect("ACK"), "reason") == []
        assert header(centre.expect("BYE"), "reason") == [self.WHY]
        world.settle()

    @pytest.mark.parametrize(("status", "passes"), [(486, True), (503, False), (500, False), (488, False)])
    def test_of_a_refusal(self, status: int, passes: bool, world: World) -> None:
        caller = world.sbc.invite("12345")
        world.pbx.take().refuse(status, headers=[("Reason", "Q.850;cause=17")])
        refusal = caller.expect("486" if passes else "480")
        assert header(refusal, "reason") == (["Q.850;cause=17"] if passes else [])
        world.settle()


# ---- steps ----


def caller_200(world: World, caller: PeerCall) -> Message:
    return next(message for message in told(world, caller) if is_status(message, 200))
