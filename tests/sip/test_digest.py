"""sip/digest.py: the hashes of the standards, and headers that are read or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitter.core.errors import PeerError
from splitter.sip.digest import (
    ALGORITHMS,
    Challenge,
    Credentials,
    Proof,
    challenges_of,
    digest_of,
    function_of,
    proofs_of,
    secret_of,
)
from splitter.sip.headers import Headers
from splitter.sip.message import Request, Response

CHALLENGE_7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
PROOF_7616 = (
    'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
    'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{}", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


BODY = b"""\
v=0
o=bob 2890844526 2890844526 IN IP4 media.biloxi.com
s=-
c=IN IP4 media.biloxi.com
t=0 0
m=audio 49170 RTP/AVP 0
a=rtpmap:0 PCMU/8000
m=video 51372 RTP/AVP 31
a=rtpmap:31 H261/90000
m=video 53000 RTP/AVP 32
a=rtpmap:32 MPV/90000
""".replace(b"\n", b"\r\n")


def computed(text: str, password: str, method: str = "GET", body: bytes = b"") -> str:
    proof = Proof.parse(text)
    return digest_of(proof, secret_of(proof.algorithm, proof.username, proof.realm, password), method, body)


class TestVectors:
    @pytest.mark.parametrize(
        ("algorithm", "response"),
        [
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ],
    )
    def test_rfc_7616_3_9_1(self, algorithm: str, response: str) -> None:
        text = PROOF_7616.format(algorithm, response)
        assert computed(text, "Circle of Life") == Proof.parse(text).response == response

    def test_rfc_7616_3_9_2_with_erratum_4897(self) -> None:
        """The printed response is of a hash that is no SHA-512/256; the erratum has the right one."""
        proof = Proof(
            username="J\u00e4s\u00f8n Doe",
            realm="api@example.org",
            nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
            uri="/doe.json",
            response="",
            algorithm="SHA-512-256",
            qop="auth",
            nc="00000001",
            cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
        )
        secret = secret_of("SHA-512-256", proof.username, proof.realm, "Secret, or not?")
        assert digest_of(proof, secret, "GET") == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"

    def test_rfc_2617_3_5(self) -> None:
        text = (
            'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
            'uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", '
            'response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
        )
        assert computed(text, "Circle Of Life") == "6629fae49393a05397450978507c4ef1"

    @pytest.mark.parametrize(
        ("algorithm", "qop", "response"),
        [
            ("MD5", None, "bf57e4e0d0bffc0fbaedce64d59add5e"),
            ("MD5", "auth", "89eb0059246c02b2f6ee02c7961d5ea3"),
            ("MD5-sess", "auth", "e4e4ea61d186d07a92c9e1f6919902e9"),
            ("MD5", "auth-int", "bdbeebb2da6adb6bca02599c2239e192"),
            ("MD5-sess", "auth-int", "91984da2d8663716e91554859c22ca70"),
        ],
    )
    def test_of_sip(self, algorithm: str, qop: str | None, response: str) -> None:
        """The examples that RFC 3261 lacks: draft-smith-sipping-auth-examples-01, §3.1 to §3.6."""
        nonce, uri = "dcd98b7102dd2f0e8b11d0f600bfb0c093", "sip:bob@biloxi.com"
        counted = ("00000001", "0a4f113b") if qop else ("", "")
        proof = Proof("bob", "biloxi.com", nonce, uri, response, algorithm, qop, *counted)
        assert digest_of(proof, secret_of(algorithm, "bob", "biloxi.com", "zanzibar"), "INVITE", BODY) == response


class TestAlgorithms:
    def test_the_best_stands_first_and_md5_last(self) -> None:
        assert ALGORITHMS == ("SHA-256", "SHA-512-256", "MD5")

    @pytest.mark.parametrize("text", ["sha-256", "SHA-256-sess", "Sha-256-SESS"])
    def test_are_known_in_any_case(self, text: str) -> None:
        assert function_of(text) == "SHA-256"

    @pytest.mark.parametrize("text", ["AKAv1-MD5", "SHA-512", "", "SHA256", "-sess"])
    def test_others_are_not_known(self, text: str) -> None:
        assert function_of(text) is None
        assert not Challenge("r", "n", text).usable


class TestChallenges:
    def test_are_read(self) -> None:
        challenge = Challenge.parse(CHALLENGE_7616.format("SHA-256"))
        assert challenge.realm == "http-auth@example.org"
        assert challenge.qop == ("auth", "auth-int")
        assert (challenge.algorithm, challenge.stale, challenge.usable) == ("SHA-256", False, True)

    def test_what_is_missing_has_its_default(self) -> None:
        challenge = Challenge.parse('digest  nonce=abc , realm="a \\"b\\"", STALE=True')
        assert challenge == Challenge('a "b"', "abc", "MD5", (), None, stale=True)

    def test_are_written_as_they_are_read(self) -> None:
        challenge = Challenge('a "b"\\', "n,1", "SHA-256", ("auth", "auth-int"), "o", stale=True)
        assert Challenge.parse(str(challenge)) == challenge

    def test_only_a_quality_that_we_know_is_usable(self) -> None:
        assert not Challenge("r", "n", qop=("token",)).usable
        assert not Challenge("r", "n", "MD5-sess").usable, "the session variants need qop's cnonce"

    def test_those_of_other_schemes_are_left_out(self) -> None:
        headers = Headers(
            [
                ("WWW-Authenticate", "Bearer authz_server=x"),
                ("WWW-Authenticate", 'Digest realm="a", nonce="1", algorithm=SHA-256'),
                ("Proxy-Authenticate", 'Digest realm="b", nonce="2"'),
                ("WWW-Authenticate", 'Digest realm="broken'),
            ]
        )
        found = challenges_of(Response(401, "", headers))
        assert [(challenge.realm, challenge.proxy) for challenge in found] == [("a", False), ("b", True)]

    @pytest.mark.parametrize(
        ("line", "realms"),
        [
            ('Digest realm="a, b", nonce="n", qop="auth,auth-int", Digest realm="c",nonce="m"', ["a, b", "c"]),
            ('Basic realm="x", Digest realm = "a", nonce="n"', ["a"]),
            ('Digest realm="a", nonce="n", Basic realm="x"', ["a"]),
            ('Digest realm="a", nonce="n", Negotiate', ["a"]),
            ('Negotiate, Digest realm="a", nonce="n"', ["a"]),
            ('Digest realm="a", Digest realm="b", nonce="n"', ["b"]),
            ('Digest realm="a", nonce="n', []),
            ("", []),
            (", ,", []),
        ],
    )
    def test_several_in_one_line(self, line: str, realms: list[str]) -> None:
        found = challenges_of(Response(401, "", Headers([("WWW-Authenticate", line)])))
        assert [challenge.realm for challenge in found] == realms


class TestProofs:
    def test_are_written_as_they_are_read(self) -> None:
        proof = Proof.parse(PROOF_7616.format("SHA-256", "AB12"))
        assert proof.response == "ab12"
        assert Proof.parse(str(proof)) == proof
        assert "qop=auth, nc=00000001" in str(proof), "these two are not quoted (RFC 7616 §3.4)"

    @pytest.mark.parametrize(
        ("text", "cause"),
        [
            ('Digest username="a"', "realm is missing"),
            (PROOF_7616.format("MD5", "0").replace("00000001", "1"), "8 hexadecimal digits"),
            (PROOF_7616.format("MD5", "0").replace("nc=00000001, ", ""), "8 hexadecimal digits"),
            (PROOF_7616.format("MD5", "0").replace("cnonce=", "other="), "cnonce is missing"),
            (PROOF_7616.format("MD5", "0") + ', username="root"', "twice"),
            ('Digest username="a', "never ends"),
            ("Digest username", "not a parameter"),
            ("Digest =a", "not a parameter"),
            ("Basic YTpi", "not Digest"),
            ("", "not Digest"),
            ('Digest username="' + "a" * 5000 + '"', "characters"),
            ('Digest username="a\rb"', "line break"),
        ],
    )
    def test_that_are_none_are_refused_with_the_cause(self, text: str, cause: str) -> None:
        with pytest.raises(PeerError, match=cause) as caught:
            Proof.parse(text)
        assert caught.value.status == 400

    def test_of_other_schemes_are_left_out(self) -> None:
        """RFC 4475 §3.3.7: an unknown scheme is as good as no credentials."""
        request = Request("REGISTER", "sip:h", Headers([("Authorization", "NoOneKnowsThisScheme opaque-data=here")]))
        assert proofs_of(request) == []

    def test_a_broken_digest_line_is_an_error(self) -> None:
        request = Request("REGISTER", "sip:h", Headers([("Authorization", "Digest x")]))
        with pytest.raises(PeerError):
            proofs_of(request)


class TestAnyText:
    """A parser answers with a value or PeerError, whatever comes."""

    @given(st.one_of(st.text(), st.text('Digest realm=nonce,uri"\\ ;=<>').map("Digest ".__add__)))
    def test_parses_or_raises_peer_error(self, text: str) -> None:
        for kind in (Challenge, Proof):
            try:
                parsed = kind.parse(text)
            except PeerError:
                continue
            assert kind.parse(str(parsed)) == parsed or not _plain_token(parsed.algorithm)

    @given(st.fixed_dictionaries({}, optional={name: st.text(max_size=20) for name in Proof.__slots__}))
    def test_any_mixture_of_parameters_parses_or_raises(self, values: dict[str, str]) -> None:
        text = "Digest " + ",".join(f'{name}="{value}"' for name, value in values.items())
        for kind in (Challenge, Proof):
            try:
                kind.parse(text)
            except PeerError:
                continue


def _plain_token(text: str) -> bool:
    return text.isascii() and text.replace("-", "a").isalnum()


def test_passwords_are_not_shown() -> None:
    assert "hunter2" not in repr(Credentials("me", "hunter2"))
