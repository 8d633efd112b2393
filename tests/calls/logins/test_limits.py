"""Failed logins: who has to wait for them, and who has not."""

from __future__ import annotations

from splitter.calls.logins import limits
from splitter.calls.logins.limits import LoginLimits
from tests.garbage import held_by

HERE, THERE, ELSEWHERE = "198.51.100.7", "203.0.113.9", "203.0.113.10"


def guessed(source: str, user: str = "8001", times: int = limits.USER_FAILURES) -> LoginLimits:
    found = LoginLimits()
    for _ in range(times):
        found.failed(user, source, 0.0)
    return found


class TestLimits:
    def test_a_guesser_has_to_wait_and_not_who_is_guessed_at(self) -> None:
        found = guessed(THERE)
        assert found.wait_s("8001", THERE, 0.0) == limits.USER_FADE_S
        assert found.wait_s("8001", HERE, 0.0) == 0

    def test_however_many_sources_guess_at_one_account(self) -> None:
        found = LoginLimits()
        for number in range(200):
            for _ in range(limits.USER_FAILURES):
                found.failed("8001", f"203.0.113.{number}", 0.0)
        assert found.wait_s("8001", HERE, 0.0) == 0

    def test_a_source_that_tries_many_users_has_to_wait(self) -> None:
        found = LoginLimits()
        for number in range(limits.SOURCE_FAILURES):
            found.failed(f"u{number}", THERE, 0.0)
        assert found.wait_s("new", THERE, 0.0) > 0
        assert found.wait_s("new", ELSEWHERE, 0.0) == 0

    def test_but_for_those_who_have_logged_in_from_there(self) -> None:
        """A floor of desks behind NAT is one source; one of them must not keep out the others."""
        found = LoginLimits()
        found.succeeded("8001", THERE)
        for number in range(2 * limits.SOURCE_FAILURES):
            found.failed(f"u{number}", THERE, 0.0)
        assert found.wait_s("8001", THERE, 0.0) == 0
        for _ in range(limits.USER_FAILURES):
            found.failed("8001", THERE, 0.0)
        assert found.wait_s("8001", THERE, 0.0) > 0, "its own failures count even so"

    def test_failures_fade_and_a_success_forgives(self) -> None:
        found = guessed(THERE)
        assert found.wait_s("8001", THERE, limits.USER_FADE_S) == 0
        found.succeeded("8001", THERE)
        assert found.wait_s("8001", THERE, 0.0) == 0

    def test_strangers_do_not_fill_the_memory(self) -> None:
        found = LoginLimits()
        held = [0]
        for number in range(20_002):
            found.failed(f"u{number}", f"10.0.{number % 250}.1", 0.0)
            found.succeeded(f"v{number}", HERE)
            if number in (12_000, 20_001):
                held.append(held_by(found))
        assert held[2] <= held[1]
