"""sip/authenticator.py and sip/authorizer.py against each other: who is let in, who is asked again, who is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import pytest

from splitter.core.errors import PeerError
from splitter.sip.authenticator import Authenticator, LoginVerdict
from splitter.sip.authorizer import TRIES, Authorizer
from splitter.sip.digest import ALGORITHMS, Challenge, Credentials, Proof, digest_of, proofs_of, secret_of
from splitter.sip.headers import Headers
from splitter.sip.message import Request, Response
from splitter.sip.nonce import Nonces

REALM, SOURCE = "seats.example.org", "192.0.2.7"


def authenticator(algorithms: Sequence[str] = ALGORITHMS, nonces: Nonces | None = None) -> Authenticator:
    secrets = {"8001": {name: secret_of(name, "8001", REALM, "red") for name in algorithms}}
    return Authenticator(REALM, secrets, algorithms, Nonces(b"k" * 32) if nonces is None else nonces, "decoy")


def authorizer(username: str = "8001", password: str = "red", realm: str = "") -> Authorizer:
    numbers = count()
    return Authorizer(Credentials(username, password, realm), lambda: f"cnonce{next(numbers)}")


def request(method: str = "REGISTER", body: bytes = b"") -> Request:
    headers = Headers([("Call-ID", "a@b"), ("CSeq", f"7 {method}"), ("From", "<sip:8001@h>;tag=1"), ("To", "<sip:h>")])
    return Request(method, "sip:h", headers, body)


def challenged(lines: Sequence[tuple[str, str]], status: int = 401) -> Response:
    return request().respond(status, headers=lines)


def asked(server: Authenticator, now: float = 100.0, *, stale: bool = False, source: str = SOURCE) -> Response:
    return challenged(server.challenges(source, 1, now, stale=stale))


class TestLettingIn:
    def test_who_knows_the_password(self) -> None:
        server, client = authenticator(), authorizer()
        assert server.judge(request(), SOURCE, 100.0).verdict is LoginVerdict.MISSING
        answer = client.answer(request(), asked(server))
        judgement = server.judge(answer, SOURCE, 101.0)
        assert (judgement.verdict, judgement.username) == (LoginVerdict.GRANTED, "8001")

    @pytest.mark.parametrize("algorithm", ALGORITHMS)
    def test_by_each_algorithm(self, algorithm: str) -> None:
        server = authenticator([algorithm])
        answer = authorizer().answer(request(), asked(server))
        assert proofs_of(answer)[0].algorithm == algorithm
        assert server.judge(answer, SOURCE, 100.0).verdict is LoginVerdict.GRANTED

    def test_without_being_asked_again(self) -> None:
        server, client = authenticator(), authorizer()
        client.answer(request(), asked(server))
        prepared = [client.prepared(request()) for _ in range(3)]
        assert [proofs_of(each)[0].count for each in prepared] == [2, 3, 4]
        assert [server.judge(each, SOURCE, 100.0).verdict for each in prepared] == [LoginVerdict.GRANTED] * 3

    def test_with_the_integrity_of_the_body(self) -> None:
        server = authenticator()
        challenge = Challenge.parse(asked(server).headers.get_all("www-authenticate")[0])
        demanding = challenged([("WWW-Authenticate", str(replace(challenge, qop=("auth-int",))))])
        answer = authorizer().answer(request("INVITE", b"v=0"), demanding)
        assert proofs_of(answer)[0].qop == "auth-int"
        forged = Request(answer.method, answer.uri, answer.headers, b"v=1")
        assert server.judge(forged, SOURCE, 100.0).verdict is LoginVerdict.WRONG
        assert server.judge(answer, SOURCE, 100.0).verdict is LoginVerdict.GRANTED

    def test_clients_of_rfc_2069_once_per_nonce(self) -> None:
        server = authenticator()
        challenge = Challenge.parse(asked(server).headers.get_all("www-authenticate")[-1])
        old = challenged([("WWW-Authenticate", str(replace(challenge, qop=())))])
        answer = authorizer().answer(request(), old)
        assert proofs_of(answer)[0].qop is None
        assert server.judge(answer, SOURCE, 100.0).verdict is LoginVerdict.GRANTED
        assert server.judge(answer, SOURCE, 100.0).verdict is LoginVerdict.REPLAYED


class TestKeepingOut:
    def test_a_wrong_password(self) -> None:
        server = authenticator()
        answer = authorizer(password="blue").answer(request(), asked(server))
        assert server.judge(answer, SOURCE, 100.0).verdict is LoginVerdict.WRONG

    def test_an_unknown_user_by_the_same_work(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither the answer nor the time may tell who exists: the hashes that are made are the same."""
        server = authenticator()
        done: list[str] = []
        module = "splitter.sip.authenticator"
        monkeypatch.setattr(f"{module}.digest_of", lambda *args: (done.append("digest"), digest_of(*args))[1])
        verdicts = []
        for who in (authorizer("nobody"), authorizer(password="blue")):
            answer = who.answer(request(), asked(server))
            verdicts.append(server.judge(answer, SOURCE, 100.0).verdict)
        assert verdicts == [LoginVerdict.UNKNOWN, LoginVerdict.WRONG]
        assert done == ["digest"] * 2

    def test_the_decoy_opens_nothing(self) -> None:
        """Even who guesses the decoy is nobody."""
        server = authenticator()
        challenge = Challenge.parse(asked(server).headers.get_all("www-authenticate")[0])
        proof = Proof("nobody", REALM, challenge.nonce, "sip:h", "", "SHA-256", "auth", "00000001", "c")
        proof = replace(proof, response=digest_of(proof, "decoy", "REGISTER"))
        forged = request()
        forged.headers.add("Authorization", str(proof))
        assert server.judge(forged, SOURCE, 100.0).verdict is LoginVerdict.UNKNOWN

    def test_a_replay(self) -> None:
        server = authenticator()
        answer = authorizer().answer(request(), asked(server))
        assert server.judge(answer, SOURCE, 100.0).verdict is LoginVerdict.GRANTED
        assert server.judge(answer, SOURCE, 100.1).verdict is LoginVerdict.REPLAYED

    def test_another_method_with_the_same_digest(self) -> None:
        server = authenticator()
        answer = authorizer().answer(request(), asked(server))
        turned = Request("INVITE", answer.uri, answer.headers)
        assert server.judge(turned, SOURCE, 100.0).verdict is LoginVerdict.WRONG

    def test_an_algorithm_that_is_not_offered(self) -> None:
        server = authenticator(["SHA-256"])
        challenge = Challenge.parse(asked(server).headers.get_all("www-authenticate")[0])
        weaker = challenged([("WWW-Authenticate", str(replace(challenge, algorithm="MD5")))])
        answer = authorizer().answer(request(), weaker)
        assert server.judge(answer, SOURCE, 100.0).verdict is LoginVerdict.WRONG

    def test_credentials_for_another_realm_are_none(self) -> None:
        other = Challenge("elsewhere", "n", "MD5", ("auth",))
        answer = authorizer().answer(request(), challenged([("WWW-Authenticate", str(other))]))
        assert authenticator().judge(answer, SOURCE, 100.0).verdict is LoginVerdict.MISSING

    def test_a_header_that_cannot_be_read_gets_400(self) -> None:
        broken = request()
        broken.headers.add("Authorization", 'Digest username="8001"')
        with pytest.raises(PeerError) as caught:
            authenticator().judge(broken, SOURCE, 100.0)
        assert caught.value.status == 400


class TestStaleNonces:
    @pytest.mark.parametrize("case", ["old", "of another address", "of before a restart"])
    def test_are_told_to_who_knows_the_password(self, case: str) -> None:
        server = authenticator()
        answer = authorizer().answer(request(), asked(server))
        source = "192.0.2.99" if case == "of another address" else SOURCE
        judge = authenticator(nonces=Nonces(b"new" * 16)) if case == "of before a restart" else server
        assert judge.judge(answer, source, 1000.0 if case == "old" else 100.0).verdict is LoginVerdict.STALE

    def test_are_not_told_to_anybody_else(self) -> None:
        server = authenticator()
        answer = authorizer(password="blue").answer(request(), asked(server))
        assert server.judge(answer, SOURCE, 1000.0).verdict is LoginVerdict.WRONG

    def test_are_replaced_without_asking_a_person(self) -> None:
        server, client = authenticator(), authorizer()
        answer = client.answer(request(), asked(server))
        again = client.answer(answer, asked(server, 1000.0, stale=True))
        assert again.cseq[0] == 9
        assert server.judge(again, SOURCE, 1000.0).verdict is LoginVerdict.GRANTED


class TestTheAnswerToAChallenge:
    def test_is_the_same_request_with_the_next_cseq(self) -> None:
        """RFC 3261 §22.2: Call-ID, From and To stay."""
        bare = request("INVITE", b"v=0")
        answer = authorizer().answer(bare, asked(authenticator()))
        assert (answer.cseq, answer.call_id, answer.from_tag, answer.body) == ((8, "INVITE"), "a@b", "1", b"v=0")
        assert "authorization" not in bare.headers
        assert bare.cseq[0] == 7

    def test_goes_to_the_strongest_challenge_wherever_it_stands(self) -> None:
        lines = [("WWW-Authenticate", str(Challenge("r", name, name, ("auth",)))) for name in reversed(ALGORITHMS)]
        proofs = proofs_of(authorizer().answer(request(), challenged(lines)))
        assert [(proof.algorithm, proof.nonce) for proof in proofs] == [("SHA-256", "SHA-256")]

    def test_gives_a_proxy_and_a_server_one_each(self) -> None:
        """RFC 3261 §22.3: a forking proxy gathers the challenges of several."""
        lines = [
            ("Proxy-Authenticate", str(Challenge("proxy", "1", "MD5", ("auth",), opaque="x"))),
            ("WWW-Authenticate", str(Challenge("server", "2"))),
        ]
        answer = authorizer().answer(request(), challenged(lines, 407))
        assert [(proof.realm, proof.opaque) for proof in proofs_of(answer, proxy=True)] == [("proxy", "x")]
        assert [(proof.realm, proof.qop) for proof in proofs_of(answer)] == [("server", None)]

    def test_follows_one_realm_after_the_other(self) -> None:
        client = authorizer()
        first = client.answer(
            request(), challenged([("Proxy-Authenticate", str(Challenge("proxy", "1", qop=("auth",))))], 407)
        )
        second = client.answer(first, challenged([("WWW-Authenticate", str(Challenge("server", "2")))]))
        assert proofs_of(second, proxy=True)[0].count == 2, "the proxy sees it a second time"
        assert proofs_of(second)[0].realm == "server"
        assert second.cseq[0] == 9

    @pytest.mark.parametrize(
        ("lines", "cause"),
        [
            ([], "without a Digest challenge"),
            ([("WWW-Authenticate", "Basic realm=x")], "without a Digest challenge"),
            ([("WWW-Authenticate", 'Digest realm="a", nonce="b", algorithm=AKAv1-MD5')], "AKAv1-MD5, which we lack"),
            ([("WWW-Authenticate", 'Digest realm="a", nonce="b"')], 'realm "a", ours are for "mine"'),
        ],
    )
    def test_is_none_where_we_cannot_give_one(self, lines: list[tuple[str, str]], cause: str) -> None:
        with pytest.raises(PeerError, match=cause) as caught:
            authorizer(realm="mine").answer(request(), challenged(lines))
        assert caught.value.status == 401

    def test_is_not_tried_again_when_it_was_refused(self) -> None:
        server, client = authenticator(), authorizer(password="blue")
        answer = client.answer(request(), asked(server))
        with pytest.raises(PeerError, match="wrong for realm"):
            client.answer(answer, asked(server, 101.0))

    def test_ends_even_if_every_nonce_is_called_stale(self) -> None:
        server, client, sent = authenticator(), authorizer(), request()
        for _ in range(TRIES):
            sent = client.answer(sent, asked(server, stale=True))
        with pytest.raises(PeerError, match="challenged 4 times"):
            client.answer(sent, asked(server, stale=True))

    def test_holds_little_of_what_servers_make_up(self) -> None:
        client = authorizer()
        for number in range(200):
            client.answer(request(), challenged([("WWW-Authenticate", str(Challenge(f"r{number}", "n")))]))
        assert len(proofs_of(client.prepared(request()))) <= 32
