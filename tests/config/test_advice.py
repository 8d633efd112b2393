"""What can be used and will not do as it seems to be meant: told with its remedy, and nothing else is."""

from __future__ import annotations

import re

import pytest

from splitter.config.advice import advice
from splitter.config.load import parse
from splitter.core.errors import ConfigError
from tests.config.test_load import GOOD

HERE = (
    GOOD.replace("127.0.0.2:5070", "127.0.0.1:5070")
    .replace('media_address = "127.0.0.3"', "")
    .replace(', "[::1]:5061", "2001:db8::/32", "::2"', "")
)


def told(text: str, more: str = "") -> list[str]:
    return advice(parse(text + more))


def test_a_good_file_gets_none() -> None:
    assert told(HERE) == []


class TestThisMachine:
    def test_an_address_that_it_has_not(self) -> None:
        text = HERE.replace('"udp:127.0.0.1:5060", "tcp:127.0.0.1"', '"udp:203.0.113.7:5060", "tcp:203.0.113.7"')
        [one] = told(text)
        assert one.startswith("network.access.listen[1]: this machine has no address 203.0.113.7; ")

    def test_one_for_media_or_the_api(self) -> None:
        (one, other) = told(
            HERE.replace('advertised_address = "10.0.0.9"', 'media_address = "203.0.113.8"'),
            '[api]\nlisten = ["203.0.113.9:8443"]\ninsecure = true\n',
        )
        assert "network.core.media_address: this machine has no address 203.0.113.8" in one
        assert "api.listen[1]: this machine has no address 203.0.113.9" in other

    def test_a_node_may_get_its_addresses_later(self) -> None:
        text = HERE.replace('"udp:127.0.0.1:5060", "tcp:127.0.0.1"', '"udp:203.0.113.7:5060", "tcp:203.0.113.7"')
        assert told(text, '[cluster]\nnode = "a"\nhost = "one"\nvalkey = ["valkey://127.0.0.1"]\n') == []

    def test_a_neighbour_without_a_way(self) -> None:
        [one] = told(HERE.replace('address = "127.0.0.4"', 'address = "240.0.0.9"'))  # from a loopback address: never
        assert one.startswith("trunk.pbx.address: there is no way from 127.0.0.1 to 240.0.0.9")


class TestMediaPorts:
    SOME = "[media]\nfirst_port = 30000\nlast_port = {}\n[gateway]\nmax_calls = 100\n"

    def test_that_do_not_suffice_for_the_video_of_all_calls(self) -> None:
        [one] = told(HERE, self.SOME.format(30_699))
        assert one == (
            "media.last_port: 100 calls (gateway.max_calls) take 1000 ports when all have video, and the range has 700: "
            "when so many talk, 50 of them have video; widen the range or lower gateway.max_calls"
        )
        assert told(HERE, self.SOME.format(30_999)) == []

    def test_calls_of_browsers_take_more(self) -> None:
        web = (
            '[trunk.web]\nrole = "web"\nnetwork = "access"\nmax_calls = 20\n[web_calls]\ntrunk = "web"\n'
            '[[route]]\nfrom = "web"\nto = ["pbx"]\ncalled = "1"\n[api]\nlisten = ["127.0.0.1:8443"]\ninsecure = true\n'
        )
        [one] = told(HERE, self.SOME.format(30_999) + web)
        assert "take 1080 ports" in one
        assert told(HERE, self.SOME.format(31_079) + web) == []


class TestTrunks:
    WIDE = '[trunk.other]\nrole = "access"\nnetwork = "access"\npeers = ["{}"]\n'

    @pytest.mark.parametrize(
        ("peer", "first"),
        [
            ("127.0.1.5", "127.0.1.0/24"),
            ("127.0.1.0/25", "127.0.1.0/24"),
            ("127.0.2.1:5080", "127.0.2.1/32"),
            ("127.0.0.0/8", ""),  # it gets what the narrower ones before it leave
            ("127.0.2.2:5090", ""),
            ("127.0.3.0/24", ""),
        ],
    )
    def test_that_share_sources(self, peer: str, first: str) -> None:
        found = told(HERE, self.WIDE.format(peer))
        assert len(found) == bool(first)
        if first:
            assert "trunk.other.peers: " in found[0] and f"with {first} of trunk sbc" in found[0]

    def test_of_other_networks_share_none(self) -> None:
        assert told(HERE, self.WIDE.format("127.0.1.5").replace('"access"\npeers', '"core"\npeers')) == []


class TestRoutes:
    @pytest.mark.parametrize(
        ("called", "told_of"),
        [("110", True), ("4711|110", True), ("112|110", False), ("4.*x", False), (".*", False)],
    )
    def test_that_nobody_takes(self, called: str, told_of: bool) -> None:
        found = told(HERE, f'[[route]]\ncalled = "{called}"\nto = ["pbx"]\n')
        assert found == (["route[2]: route[1] takes all of its numbers; put it before that one"] if told_of else [])

    def test_behind_the_one_for_all(self) -> None:
        text = HERE.replace('"110|4(.*)"', '".*"').replace("number = '9\\1'", "")
        assert len(told(text, '[[route]]\ncalled = "4.*x"\nto = ["pbx"]\n')) == 1


class TestPasswords:
    @pytest.mark.parametrize(("password", "weak"), [("1", True), ("88010000", False), ("1234567", True)])
    def test_that_are_guessed(self, password: str, weak: bool) -> None:
        found = told(HERE, f'[[account]]\nuser = "8801"\nextension = "8001"\npassword = "{password}"\n')
        assert bool(found) == weak

    def test_the_same_as_the_user(self) -> None:
        found = told(HERE, '[[account]]\nuser = "dispatcher"\npassword = "Dispatcher"\n')
        assert found[0].startswith("account[1].password: it is easily guessed")


class TestRecording:
    ENGINES = '[media]\nrtpengine_for = ["access"]\n[rtpengine.one]\naddress = "127.0.0.1:2223"\n'

    def test_a_voice_that_an_rtpengine_carries_is_not_recorded(self) -> None:
        assert told(HERE, self.ENGINES) == []
        (one,) = told(HERE, self.ENGINES + '[recording]\nfolder = "/var/lib/splitter/recordings"\n')
        assert one.startswith("media.rtpengine_for: an rtpengine carries the voice of callers from network access")

    @pytest.mark.parametrize(
        ("keys", "words"),
        [
            ('keep_days_for = ["bonk:7"]', 'keep_days_for[1]: there is no trunk "bonk"'),
            ('keep_days_for = ["pbx"]', '"pbx" is no trunk and its days'),
            ('seal_key = "/k"\nseal_command = "kms"', "there is a seal_key too"),
            ('exclude = ["experts"]', '"experts" is no kind of participants'),
            ('store = "http://minio/evidence"', 'write it as "s3://bucket/folder"'),
        ],
    )
    def test_what_cannot_be_is_said(self, keys: str, words: str) -> None:
        with pytest.raises(ConfigError, match=re.escape(words)):
            parse(HERE + f'[recording]\nfolder = "/r"\n{keys}\n')


class TestFork:
    @pytest.mark.parametrize("host", ["asr.example:99999", ":443", "[::1", "asr.example:b", "asr.example:0"])
    def test_a_host_or_port_that_is_none(self, host: str) -> None:
        with pytest.raises(ConfigError, match=r"fork\.url.*leads nowhere"):
            parse(HERE + f'[fork]\nurl = "wss://{host}/calls?key=hidden"\n')

    @pytest.mark.parametrize(
        ("keys", "what"),
        [
            ('desks = ["8001"]', r"fork\.desks.*nothing else is recorded"),
            ("on_demand = true", r"fork\.on_demand.*nothing else is recorded"),
            ('voices = "none"', r"fork\.voices.*neither voices nor pictures"),
            ('stills = "only"', r"fork\.stills.*no pictures are sent"),
        ],
    )
    def test_what_leaves_nothing_is_a_problem(self, keys: str, what: str) -> None:
        with pytest.raises(ConfigError, match=what):
            parse(HERE + f'[fork]\nurl = "wss://asr.example/calls"\n{keys}\n')
