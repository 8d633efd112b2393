"""SIP URIs and addresses."""

from __future__ import annotations

import pytest

from splitter.core.errors import PeerError
from splitter.sip.uri import NameAddr, SipUri, user_of


class TestSipUri:
    def test_all_parts(self) -> None:
        uri = SipUri.parse("sip:alice:secret@[2001:db8::9]:5070;transport=TCP;lr?subject=x&y=z")
        assert (uri.scheme, uri.user, uri.host, uri.port) == ("sip", "alice:secret", "2001:db8::9", 5070)
        assert uri.params == {"transport": "TCP", "lr": None}
        assert uri.headers == "subject=x&y=z"
        assert uri.transport == "tcp"
        assert uri.loose

    @pytest.mark.parametrize(
        "text",
        [
            "sip:example.org",
            "sips:alice@example.org",
            "sip:alice@192.0.2.1:5060;transport=udp",
            "sip:a%40b@[2001:db8::1]:5060;lr",
            "sip:alice;day=tuesday@example.org",
            "sip:alice@example.org?to=bob",
            "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com",
        ],
    )
    def test_written_as_read(self, text: str) -> None:
        assert str(SipUri.parse(text)) == text

    def test_scheme_in_any_case(self) -> None:
        assert SipUri.parse("SIP:example.org").scheme == "sip"

    @pytest.mark.parametrize("text", ["tel:+8610", "urn:service:sos", "nobodyKnowsThisScheme:opaque"])
    def test_other_schemes_are_416(self, text: str) -> None:
        with pytest.raises(PeerError) as caught:
            SipUri.parse(text)
        assert caught.value.status == 416

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "sip:",
            "sip",
            "sip:@host",
            "sip:a@",
            "sip:a@host:port",
            "sip:a@host:99999",
            "sip:a@host:",
            "sip:a@ho st",
            "sip:a@[::1",
            "sip:a@[nonsense]",
            "sip:a@[::1]5060",
            "sip:a@h<>",
            "sip:a@host\r\nVia: x",
            "sip:a@höst",
            "sip:a@host;=x",
            "sip:a@host:٣",
        ],
    )
    def test_malformed_is_400(self, text: str) -> None:
        with pytest.raises(PeerError) as caught:
            SipUri.parse(text)
        assert caught.value.status == 400


class TestUserOf:
    @pytest.mark.parametrize(
        ("uri", "user"),
        [
            ("sip:+8613800138000@ims.example.org;user=phone", "+8613800138000"),
            ("sip:%2b8610@example.org", "+8610"),
            ("sip:110;npdi@example.org;user=phone", "110"),
            ("tel:+86-10-1234-5678;phone-context=example.org", "+861012345678"),
            ("TEL:110", "110"),
            ("sip:alice:secret@example.org", "alice"),
            ("sip:a-b.c@example.org", "a-b.c"),
            ("sip:example.org", ""),
            ("sip:%ff@example.org", "\ufffd"),
        ],
    )
    def test_number_or_name(self, uri: str, user: str) -> None:
        assert user_of(uri) == user

    def test_unreadable(self) -> None:
        with pytest.raises(PeerError):
            user_of("mailto:alice@example.org")


class TestNameAddr:
    def test_quoted_display_name(self) -> None:
        address = NameAddr.parse(r'"Mr. \"X\" \\ <Y>, ;" <sip:x@example.org;lr>;tag=7;q=0.5;flag')
        assert address.display == r'Mr. "X" \ <Y>, ;'
        assert address.uri == "sip:x@example.org;lr"
        assert address.params == {"tag": "7", "q": "0.5", "flag": None}
        assert address.tag == "7"
        assert address.sip.loose
        assert str(address) == r'"Mr. \"X\" \\ <Y>, ;" <sip:x@example.org;lr>;tag=7;q=0.5;flag'

    def test_tokens_as_display_name(self) -> None:
        assert NameAddr.parse("Bob  Smith <sip:b@h>").display == "Bob  Smith"
        assert NameAddr.parse("caller<sip:b@h>;tag=1").display == "caller"

    def test_without_brackets_the_parameters_are_the_headers(self) -> None:
        address = NameAddr.parse("sip:b@h:5060;tag=1;x")
        assert address.uri == "sip:b@h:5060"
        assert address.params == {"tag": "1", "x": None}
        assert str(address) == "<sip:b@h:5060>;tag=1;x"

    def test_without_brackets_the_parameters_may_be_quoted(self) -> None:
        """RFC 3261 §20.10, RFC 3840 §9: features of a phone, and the name of its instance."""
        address = NameAddr.parse('sip:b@h;+sip.instance="<urn:uuid:1>";+g.3gpp.icsi-ref="a,b;c";q=1')
        assert address.uri == "sip:b@h"
        assert address.params == {"+sip.instance": '"<urn:uuid:1>"', "+g.3gpp.icsi-ref": '"a,b;c"', "q": "1"}

    @pytest.mark.parametrize(
        ("text", "display"),
        [
            ('"John "Johnny" Doe" <sip:b@h>;tag=1', 'John "Johnny" Doe'),
            ('""unknown"" <sip:b@h>;tag=1', '"unknown"'),
            ('"""<sip:b@h>;tag=1', '"'),
            ('"DOMAIN\\" <sip:b@h>;tag=1', "DOMAIN\\"),
        ],
    )
    def test_marks_within_a_display_name_that_nobody_escaped(self, text: str, display: str) -> None:
        address = NameAddr.parse(text)
        assert (address.display, address.uri, address.tag) == (display, "sip:b@h", "1")
        assert NameAddr.parse(str(address)) == address

    def test_white_space_where_the_grammar_has_it(self) -> None:
        address = NameAddr.parse('"J"   < sip:b@h >  ;  tag  =  1 ;a')
        assert (address.display, address.uri, address.tag) == ("J", "sip:b@h", "1")
        assert address.params == {"tag": "1", "a": None}

    @pytest.mark.parametrize("value", ["U2h5YhUORg5uUBNZW1dIUA/+Vg==", "1;2", ""])
    def test_quoted_values_of_parameters_of_the_uri(self, value: str) -> None:
        text = f'<sip:192.0.2.1:5061;transport=tls;thinfo="{value}";lr>;expires=60'
        found = NameAddr.parse(text)
        assert str(found) == text and str(found.sip) == found.uri
        assert found.sip.params["thinfo"] == f'"{value}"' and found.sip.loose and found.params == {"expires": "60"}

    @pytest.mark.parametrize(
        "uri", ['sip:"a"@h', 'sip:a="b"@h', 'sip:a;x="1"@h', 'sip:"h"', 'sip:h;x="1', 'sip:h;x=1"2"', 'sip:h;x="a@b"']
    )
    def test_no_other_quotes_in_a_uri(self, uri: str) -> None:
        with pytest.raises(PeerError):
            NameAddr.parse(f"<{uri}>")

    def test_other_schemes_are_kept(self) -> None:
        assert NameAddr.parse("<tel:+8610>;tag=x").uri == "tel:+8610"
        assert NameAddr.parse("<tel:+86-10>").user == "+8610"

    def test_unregister_all(self) -> None:
        assert NameAddr.parse("*").uri == "*"
        assert str(NameAddr.parse("*")) == "*"

    def test_empty_tag_is_none(self) -> None:
        assert NameAddr.parse("<sip:h>;tag").tag is None
        assert NameAddr.parse("<sip:h>;tag=").tag is None

    def test_the_first_of_two_tags_counts(self) -> None:
        assert NameAddr.parse("<sip:h>;tag=1;tag=2").tag == "1"

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "<>",
            "<sip:>",
            "nobody",
            '"Mr. J. User <sip:j@example.org>',
            '"J" sip:j@example.org',
            "J <sip:j@example.org",
            "sip:j@example.org>",
            "<sip:j@example.org> tag=1",
            "<sip:j@example.org>;=1",
            "<sip:j k@example.org>",
            "sip:j@example.org?Route=%3Csip:x%3E",
            'a"b"<sip:j@example.org>',
            '"a" b <sip:j@example.org>',
            "sip:j@example.org;<x>",
            'sip:j@example.org;x="1',
            "<<sip:j@example.org>>",
            "<sip:j@example.org>\r\n",
        ],
    )
    def test_malformed(self, text: str) -> None:
        with pytest.raises(PeerError) as caught:
            NameAddr.parse(text)
        assert caught.value.status == 400
        assert len(caught.value.reason) > 10

    def test_long_hostile_text_is_no_work(self) -> None:
        for text in ('"' + '\\"' * 30_000, "<" * 60_000, '"' * 59_999, "a " * 30_000 + '"', "<sip:" + "a" * 60_000):
            with pytest.raises(PeerError) as caught:
                NameAddr.parse(text)
            assert len(caught.value.reason) < 300
