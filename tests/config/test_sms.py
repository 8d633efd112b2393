"""[sms]: its carriers, its texts, and what is said of those that do not fit."""

from __future__ import annotations

import pytest

from splitter.config.load import parse
from splitter.config.sms import carrier_of, longest_link, text_warnings
from splitter.core.errors import ConfigError
from splitter.sms.http import request_of
from tests.config.test_documents import blocks
from tests.sms.kit import WALL, sms

HEAD = """[network.core]
listen = ["udp:127.0.0.1:5060"]
[trunk.sbc]
role = "access"
network = "core"
peers = ["192.0.2.1"]
[trunk.pbx]
role = "centre"
network = "core"
address = "192.0.2.2"
[[route]]
called = ".*"
to = ["pbx"]
"""

GUESTS = '[api]\nlisten = ["127.0.0.1:8080"]\nguest_url = "https://video.example.org/guest/"\n'
HOOK = '[[webhook]]\nname = "sms"\nurl = "https://s.example/"\nsecret = "0123456789abcdef"\n'
SMPP = '[sms.smpp.main]\nhost = "smpp.example.com"\nsystem_id = "gateway"\npassword = "secret"\nsource = "12345"\n'
HTTP = '[sms.http.cloud]\nurl = "https://sms.example.com/send"\n'


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(HEAD + text)
    return [line.partition(": ")[2] for line in caught.value.problems]


class TestCarriers:
    def test_have_tables_of_their_own(self) -> None:
        sms = parse(f'{HEAD}{GUESTS}[sms]\ncarrier = "main"\n{SMPP}{HTTP}').sms
        assert sms.names == ("cloud", "main") and sms.smpp[0].port == 2775
        assert sms.http[0].headers == ("Content-Type: application/json",)

    @pytest.mark.parametrize(
        ("text", "carrier"), [("", "outbox"), (HOOK, "webhook"), (HOOK + '[sms]\ncarrier = "outbox"\n', "outbox")]
    )
    def test_are_chosen_by_what_there_is(self, text: str, carrier: str) -> None:
        assert carrier_of(parse(HEAD + text)) == carrier

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ('[sms]\ncarrier = "mian"\n' + SMPP, 'sms.carrier: there is no carrier "mian"; did you mean "main"?'),
            ('[sms]\ncarrier = "webhook"\n', "sms.carrier: no webhook is told of invitations; add a [[webhook]]"),
            ('[sms.smpp.main]\nsystem_id = "x"\n', "sms.smpp.main.host: is missing"),
            (SMPP.replace('"secret"', '"much too long"'), "sms.smpp.main.password: has more than 8 signs"),
            (HTTP.replace("https", "http"), "sms.http.cloud.url: others can hear"),
            (HTTP + 'body = "{nobody}"\n', "sms.http.cloud.body: nothing fills {nobody} there"),
            (HTTP + 'headers = ["X: {sum}"]\nsign = ["sun = sha256 {body}"]\n', 'sms.http.cloud.headers: nothing fills {sum} there; did you mean "sun"?'),
            (HTTP + 'sign = ["sum = sha3 {body}"]\n', 'sms.http.cloud.sign[1]: "sha3" is no function'),
            (HTTP + 'sign = ["sum = sha256 {late}", "late = time %Y"]\n', "sms.http.cloud.sign[1]: nothing fills {late}"),
            (HTTP + 'receipt_key = "short"\n', "sms.http.cloud.receipt_key: is no key of 16"),
            ('[sms.sip.ims]\ntrunk = "nobody"\n', 'sms.sip.ims.trunk: there is no trunk "nobody"'),
            (SMPP + HTTP.replace("cloud", "main"), "another carrier has this name"),
            (HTTP.replace("cloud", '"a b"'), '"a b" is no name for it'),
            ("[sms]\nnumber = '1(\\d+)'\nnumber_as = '\\2'\n", 'sms.number_as: "\\2" uses group 2'),
            ('[[sms.text]]\ntext = "no place"\n', "sms.text[1].text: does not say once where the link stands"),
            ('[[sms.text]]\ntext = "{link}"\nlanguage = "fr"\n', "sms.text[1].language"),
        ],
    )  # fmt: skip
    def test_that_cannot_work_are_told_with_the_remedy(self, text: str, problem: str) -> None:
        [found] = problems(text)
        assert problem in found

    def test_keep_their_secrets_out_of_problems(self) -> None:
        assert "much too long" not in str(problems(SMPP.replace('"secret"', '"much too long"')))


class TestTheDocument:
    @pytest.mark.parametrize("name", ["main", "plain", "tencent", "aliyun"])
    def test_has_services_that_can_be_used(self, name: str) -> None:
        [sample] = [block for block in blocks("docs/sms.md") if f".{name}]" in block]
        settings = parse(HEAD + GUESTS + sample).sms
        assert name in settings.names
        for service in settings.http:
            request = request_of(service, sms(), "nonce", WALL, "https://video.example/receipt")
            assert sms().code in request.url + request.body.decode()


class TestTexts:
    def test_of_ours_fit_into_one_message_with_a_link_of_usual_length(self) -> None:
        assert text_warnings(parse(HEAD + GUESTS)) == []

    def test_that_take_more_are_told(self) -> None:
        text = f'[[sms.text]]\ntext = "{"视" * 40}{{link}}"\n[[sms.text]]\ntext = "{"a" * 100}{{link}}"\n'
        assert text_warnings(parse(HEAD + GUESTS + text)) == [
            "sms.text[1] takes 2 messages: 78 signs with the link; shorten it, or api.link_url"
        ]

    def test_may_have_a_shorter_link(self) -> None:
        shorter = GUESTS + 'link_url = "https://v.example/g"\n'
        assert longest_link(parse(HEAD + shorter).api) == "https://v.example/g/0000000000"

    @pytest.mark.parametrize(
        ("page", "begin"),
        [
            ("https://video.example.org/guest/", "https://video.example.org/g/"),
            ("https://example.org/video/guest/", "https://example.org/video/g/"),
        ],
    )
    def test_links_begin_beside_the_page(self, page: str, begin: str) -> None:
        api = parse(HEAD + GUESTS.replace("https://video.example.org/guest/", page)).api
        assert api.links == begin
