"""Signed tokens: what we said of somebody comes back as it was, or not at all."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.calls.logins.access import Scope
from splitter.calls.states import PartyKind, PartyState
from splitter.calls.view import PartyView
from splitter.web.access.bearer import Bearer, TokenFault, mint, read
from tests.web.kit import CALL

SECRET = b"k" * 32
DESK = Bearer("8001", frozenset({Scope.DESK}), "501")
TOKEN = mint(SECRET, DESK, 2000)


def fault(token: str, secret: bytes = SECRET, wall: float = 1000.0) -> str:
    with pytest.raises(TokenFault) as caught:
        read(secret, token, wall)
    return caught.value.kind


class TestMinting:
    def test_says_who_it_is_until_then(self) -> None:
        assert read(SECRET, TOKEN, 1999.9) == Bearer("8001", frozenset({Scope.DESK}), "501", 2000.0)

    def test_of_a_guest_names_its_one_call(self) -> None:
        guest = Bearer("guest", frozenset({Scope.GUEST}), call_id="7kq2m0000000")
        assert read(SECRET, mint(SECRET, guest, 2000), 1000).call_id == "7kq2m0000000"

    def test_can_stand_in_a_header_a_subprotocol_and_an_address(self) -> None:
        assert set(TOKEN) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")

    @given(st.text(max_size=40), st.text(max_size=20), st.sets(st.sampled_from(list(Scope))))
    def test_keeps_whatever_name(self, name: str, extension: str, scopes: set[Scope]) -> None:
        bearer = Bearer(name, frozenset(scopes), extension, 2000.0)
        try:
            token = mint(SECRET, bearer, 2000)
        except UnicodeEncodeError:
            return  # half a character
        assert read(SECRET, token, 1000) == bearer


class TestRefusing:
    def test_what_has_expired(self) -> None:
        assert fault(TOKEN, wall=2000.0) == "expired"

    def test_what_another_secret_signed(self) -> None:
        assert fault(TOKEN, b"x" * 32) == "forged"

    def test_more_rights_than_were_given(self) -> None:
        version, payload, signature = TOKEN.split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        claims["s"] = ["admin"]
        raised = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
        assert fault(f"{version}.{raised}.{signature}") == "forged"

    @given(st.integers(0, len(TOKEN) - 1), st.characters(max_codepoint=0x2FF))
    def test_any_other_letter_anywhere(self, at: int, letter: str) -> None:
        changed = TOKEN[:at] + letter + TOKEN[at + 1 :]
        if changed != TOKEN:
            assert fault(changed) in ("forged", "malformed")

    @given(st.text(max_size=300))
    def test_anything_else(self, text: str) -> None:
        assert fault(text) in ("malformed", "forged")
        assert fault(f"s1.{text}") in ("malformed", "forged")

    def test_what_is_too_long_to_be_looked_at(self) -> None:
        assert fault("s1." + "a" * 100_000 + ".b") == "malformed"

    def test_what_another_version_of_ours_signed(self) -> None:
        later = Bearer("8001", frozenset(), "501")
        token = mint(SECRET, later, 2000)
        assert read(SECRET, token, 1000).scopes == frozenset()


class TestScopes:
    def test_one_of_them_is_enough_and_admin_is_always(self) -> None:
        assert DESK.may(Scope.READ, Scope.DESK) and not DESK.may(Scope.READ)
        assert Bearer("root", frozenset({Scope.ADMIN})).may(Scope.READ)

    @pytest.mark.parametrize(
        ("extension", "party", "takes_part"),
        [
            ("501", None, True),
            ("502", None, False),
            ("", None, False),
            ("", PartyView("seat-1", PartyKind.WEBRTC, "501", state=PartyState.CONNECTED), True),
            ("502", PartyView("seat-1", PartyKind.WEBRTC, "501", state=PartyState.INTERRUPTED), True),
            ("502", PartyView("seat-1", PartyKind.WEBRTC, "501", state=PartyState.LEFT), False),
            ("502", PartyView("seat-1", PartyKind.WEBRTC, "502", state=PartyState.CONNECTED), False),
        ],
    )
    def test_a_desk_takes_part_in_what_is_bound_to_it_or_what_it_is_in(
        self, extension: str, party: PartyView | None, takes_part: bool
    ) -> None:
        view = replace(CALL, extension=extension, parties=(party,) if party else ())
        assert DESK.takes_part(view) is takes_part
        assert DESK.owns(view) is (extension == "501"), "its own is what is bound to it alone"

    def test_nobody_without_an_extension_owns_unbound_calls(self) -> None:
        assert not Bearer("x", frozenset({Scope.DESK})).takes_part(CALL)
        assert not Bearer("x", frozenset({Scope.PICTURES}), "501").takes_part(replace(CALL, extension="501"))

    def test_a_guest_takes_part_in_its_call_and_no_other(self) -> None:
        guest = Bearer("guest", frozenset({Scope.GUEST}), call_id=CALL.call_id)
        assert guest.takes_part(CALL) and not guest.takes_part(replace(CALL, call_id="8"))
        assert not guest.owns(CALL)
