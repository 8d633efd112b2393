"""What differs between two configurations, and what of it a running gateway can take."""

from __future__ import annotations

from dataclasses import fields

import pytest

from splitter.config import difference as module
from splitter.config.difference import Difference, difference, restarts, takeable, unchanged
from splitter.config.fields import declared
from splitter.config.load import parse
from splitter.config.model import Settings
from splitter.core.keys import Uptake
from tests.config.test_reference import TABLES

TEXT = """
[network.access]
listen = ["udp:127.0.0.1:5060"]
[network.core]
listen = ["udp:127.0.0.1:5070"]
[trunk.sbc]
role = "access"
network = "access"
peers = ["127.0.1.1"]
[trunk.pbx]
role = "centre"
network = "core"
address = "127.0.0.4"
max_calls = 30
[[route]]
called = "110"
to = ["pbx"]
[[route]]
called = ".*"
to = ["pbx"]
[[account]]
user = "8001"
password = "not to be shown"
"""
RUNNING = parse(TEXT)
PBX = '[trunk.new]\nrole = "centre"\nnetwork = "core"\naddress = "127.0.0.5"\n'


def changed(before: str, after: str) -> Settings:
    assert before in TEXT
    return parse(TEXT.replace(before, after))


def lines(found: Settings, running: Settings = RUNNING) -> list[str]:
    return [
        " ".join(filter(None, (one.key, one.change, one.taken, one.before, one.after)))
        for one in difference(running, found)
    ]


CASES = {
    "a key": ("max_calls = 30", "max_calls = 60", ["trunk.pbx.max_calls changed live 30 60"]),
    "a key with its default": ("max_calls = 30\n", "", ["trunk.pbx.max_calls changed live 30 0"]),
    "a key of another table": (
        "[network.access]",
        "[gateway]\nmax_calls = 7\n[network.access]",
        ["gateway.max_calls changed live 2000 7"],
    ),
    "one that needs a restart": (
        "127.0.0.1:5060",
        "127.0.0.1:5090",
        ["network.access.listen changed restart"],
    ),
    "a secret": ("not to be shown", "nor is this", ["account.8001.password changed live"]),
    "a new trunk": ('[[route]]\ncalled = "110"', f'{PBX}[[route]]\ncalled = "110"', ["trunk.new added live"]),
    "a route less": ('[[route]]\ncalled = "110"\nto = ["pbx"]\n', "", ["route.110 removed live"]),
    "routes in another order": (
        'called = "110"\nto = ["pbx"]\n[[route]]\ncalled = ".*"',
        'called = ".*"\nto = ["pbx"]\n[[route]]\ncalled = "110"',
        ["route moved live"],
    ),
    "a key of a route that is no bare word": (
        'called = ".*"',
        'called = ".*"\nnumber = "9"',
        ['route.".*".number changed live empty 9'.replace(" empty", "")],
    ),
    "a certificate": (
        "[network.core]",
        'certificate = "/c.pem"\nkey = "/k.pem"\n[network.core]',
        ["network.access.certificate changed live /c.pem", "network.access.key changed live /k.pem"],
    ),
    "a new network": (
        "[trunk.sbc]",
        '[network.dmz]\nlisten = ["udp:127.0.0.9:5060"]\n[trunk.sbc]',
        ["network.dmz added restart"],
    ),
}


class TestWhatDiffers:
    @pytest.mark.parametrize("case", CASES)
    def test_is_told_key_by_key(self, case: str) -> None:
        before, after, expected = CASES[case]
        assert lines(changed(before, after)) == expected

    def test_is_nothing_where_the_text_alone_differs(self) -> None:
        assert difference(RUNNING, parse("# words\n" + TEXT)) == ()
        assert unchanged(RUNNING, RUNNING)[:4] == ("network.access", "network.core", "trunk.sbc", "trunk.pbx")

    def test_no_secret_stands_in_it(self) -> None:
        found = changed('user = "8001"\npassword = "not to be shown"', 'user = "8002"\npassword = "hidden"')
        assert "hidden" not in str(difference(RUNNING, found)) and "not to be shown" not in str(
            difference(RUNNING, found)
        )


class TestWhatCanBeTaken:
    def test_is_all_but_what_needs_a_restart(self) -> None:
        found = parse(
            TEXT.replace("127.0.0.1:5060", "127.0.0.1:5090").replace("max_calls = 30", "max_calls = 60")
            + '[network.dmz]\nlisten = ["udp:127.0.0.9:5060"]\n[gateway]\nname = "other"\nmax_calls = 9\n'
        )
        taken = takeable(RUNNING, found)
        assert [one.key for one in difference(RUNNING, taken)] == ["trunk.pbx.max_calls", "gateway.max_calls"]
        assert restarts(difference(RUNNING, found)) == ("network.access.listen", "network.dmz", "gateway.name")
        assert restarts(difference(taken, found)) == restarts(difference(RUNNING, found)), "it waits for the restart"

    def test_is_the_whole_of_it_where_nothing_does(self) -> None:
        found = changed("max_calls = 30", "max_calls = 60")
        assert takeable(RUNNING, found) == found

    def test_what_is_gone_and_needs_a_restart_stays(self) -> None:
        running = parse(TEXT + '[network.dmz]\nlisten = ["udp:127.0.0.9:5060"]\n')
        assert takeable(running, RUNNING) == running
        assert difference(running, RUNNING) == (Difference("network.dmz", "removed", Uptake.RESTART),)  # type: ignore[arg-type]


class TestDeclarations:
    def test_every_key_says_how_it_is_taken(self) -> None:
        keys = [item.key for kind in TABLES for item in declared(kind)]
        assert len(keys) > 120 and {key.taken for key in keys} == set(Uptake)

    def test_no_field_of_the_settings_is_overlooked(self) -> None:
        compared = {part.field for part in module.PARTS} | {"control_socket"}  # that is a key itself
        assert compared == {field.name for field in fields(Settings)}


class TestTheTablesOfMessages:
    """They stand within [sms], and none of them is taken without a restart."""

    def test_are_compared_and_stay(self) -> None:
        smpp = '[sms.smpp.main]\nhost = "a"\nsystem_id = "b"\npassword = "hush"\n'
        running, found = (
            parse(TEXT + smpp),
            parse(TEXT + '[sms]\ncarrier = "ims"\n' + smpp.replace("hush", "mush") + '[sms.sip.ims]\ntrunk = "pbx"\n'),
        )
        assert lines(found, running) == [
            "sms.carrier changed restart ims",
            "sms.smpp.main.password changed restart",
            "sms.sip.ims added restart",
        ]
        assert takeable(running, found) == running
        assert lines(parse(TEXT + '[[sms.text]]\ntext = "Now: {link}"\n')) == ["sms.text changed restart"]
