"""The configuration as an operator meets it: a good file becomes settings, a bad one the whole list of what is wrong."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path

import pytest

from splitter.calls.settings import Peer, Role
from splitter.config.load import load, parse
from splitter.config.model import Settings
from splitter.core.errors import ConfigError
from splitter.core.net import Address
from splitter.media.settings import MediaSettings
from splitter.store.settings import StoreSettings
from splitter.telemetry.settings import TelemetrySettings
from splitter.transport.settings import ListenPoint, TransportSettings
from splitter.transport.targets import HostName

GOOD = """
[network.access]
listen = ["udp:127.0.0.1:5060", "tcp:127.0.0.1"]
[network.core]
listen = ["udp:127.0.0.2:5070"]
media_address = "127.0.0.3"
advertised_address = "10.0.0.9"
[trunk.sbc]
role = "access"
network = "access"
peers = ["127.0.1.0/24", "127.0.2.1", "127.0.2.2:5080", "[::1]:5061", "2001:db8::/32", "::2"]
trusted = true
[trunk.pbx]
role = "centre"
network = "core"
address = "127.0.0.4"
[[route]]
called = "110|4(.*)"
to = ["pbx"]
number = '9\\1'
"""


def problems_of(text: str, **replaced: str) -> list[str]:
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    with pytest.raises(ConfigError) as caught:
        parse(text, "f.toml")
    return caught.value.problems


def changed(old: str, new: str) -> list[str]:
    """The problems of the good file with one passage replaced."""
    assert old in GOOD
    return problems_of(GOOD.replace(old, new, 1))


def line_of(passage: str, text: str = GOOD) -> int:
    return text[: text.index(passage)].count("\n") + 1


class TestAGoodFile:
    def test_what_it_says_becomes_settings(self) -> None:
        settings = parse(GOOD)
        assert settings.networks["access"].listeners == (
            ListenPoint("udp", Address("127.0.0.1", 5060)),
            ListenPoint("tcp", Address("127.0.0.1", 5060)),
        )
        assert settings.networks["core"].advertised_address == "10.0.0.9"
        pbx = settings.trunks["pbx"]
        assert (pbx.role, pbx.address, pbx.trusted) == (Role.CENTRE, Address("127.0.0.4", 5060), False)
        assert settings.routes[0].trunks == ("pbx",)
        assert settings.routes[0].called.fullmatch("4123")
        assert settings.routes[0].number == r"9\1"

    def test_what_it_leaves_out_has_the_defaults_of_the_parts(self) -> None:
        settings = parse(GOOD)
        assert settings.media == MediaSettings()
        assert settings.transport == TransportSettings()
        assert settings.store == StoreSettings()
        assert settings.telemetry == TelemetrySettings()
        assert settings.control_socket == "/run/splitter/control.sock"

    def test_media_is_received_on_the_first_listeners_address_unless_told(self) -> None:
        settings = parse(GOOD)
        assert settings.networks["access"].media_address == "127.0.0.1"
        assert settings.networks["core"].media_address == "127.0.0.3"

    def test_peers_in_all_their_forms(self) -> None:
        assert parse(GOOD).trunks["sbc"].peers == (
            Peer(ip_network("127.0.1.0/24")),
            Peer(ip_network("127.0.2.1/32")),
            Peer(ip_network("127.0.2.2/32"), 5080),
            Peer(ip_network("::1/128"), 5061),
            Peer(ip_network("2001:db8::/32")),
            Peer(ip_network("::2/128")),
        )

    def test_a_centre_without_peers_calls_from_its_address_with_any_port(self) -> None:
        assert parse(GOOD).trunks["pbx"].peers == (Peer(ip_network("127.0.0.4/32")),)

    def test_a_centre_may_have_a_name_whose_records_say_how_to_reach_it(self) -> None:
        pbx = parse(GOOD.replace('"127.0.0.4"', '"PBX.example.com."')).trunks["pbx"]
        assert (pbx.address, pbx.transport, pbx.peers) == (HostName("pbx.example.com"), "auto", ())
        pbx = parse(GOOD.replace('"127.0.0.4"', '"pbx:5070"\ntransport = "udp"')).trunks["pbx"]
        assert (pbx.address, pbx.transport) == (HostName("pbx", 5070), "udp")

    def test_name_servers_have_their_usual_port_unless_told(self) -> None:
        servers = parse(GOOD + '[dns]\nservers = ["10.0.0.53", "[::1]:5353", "::2"]\n').dns.servers
        assert servers == (Address("10.0.0.53", 53), Address("::1", 5353), Address("::2", 53))

    def test_relative_paths_start_where_the_file_is(self, tmp_path: Path) -> None:
        file = tmp_path / "s.toml"
        file.write_text('gateway.control_socket = "c.sock"\nstore.path = "/var/x.db"\n' + GOOD)
        settings = load(file)
        assert settings.control_socket == str(tmp_path / "c.sock")
        assert settings.store.path == "/var/x.db"

    def test_a_store_in_memory_is_no_path(self) -> None:
        assert parse('store.path = ":memory:"\n' + GOOD).store.path == ":memory:"

    def test_trunks_by_role(self) -> None:
        settings: Settings = parse(GOOD)
        assert [trunk.name for trunk in settings.trunks_of(Role.ACCESS)] == ["sbc"]
        assert settings.trunks_of(Role.SEAT) == ()


class TestEveryProblemAtOnce:
    def test_each_has_its_line_and_they_come_in_the_order_of_the_file(self) -> None:
        text = GOOD.replace('"access"\nnetwork = "access"', '"acces"\nnetwork = "acess"').replace("110|", "110(|")
        text += '[media]\nfirst_port = 31001\nslate = "x"\n[log]\nlevel = 3\n[colour]\n'
        found = problems_of(text)
        lines = [int(re.match(r"f\.toml:(\d+): ", problem)[1]) for problem in found]  # type: ignore[index]
        assert lines == sorted(lines)
        assert [problem.split(": ", 2)[1] for problem in found] == [
            "trunk.sbc.role",
            "trunk.sbc.network",
            "route[1].called",
            "media.first_port",
            "media.slate",
            "log.level",
            "colour",
        ]
        assert lines[0] == line_of('role = "acces"\n', text)

    def test_every_line_has_the_four_parts(self) -> None:
        text = "max_calls = 3\n[network.a]\nlisten = 3\n[trunk]\nx = 1\n[[route]]\n"
        for problem in problems_of(text):
            assert re.fullmatch(r"f\.toml:\d+: [^ ]+: [^;]+; .+", problem), problem

    def test_a_misspelt_role_is_one_problem_and_not_also_a_missing_centre(self) -> None:
        assert changed('role = "centre"', 'role = "center"') == [
            f'f.toml:{line_of("role = " + chr(34) + "centre")}: trunk.pbx.role: "center" is not possible here; '
            'did you mean "centre"?'
        ]


class TestOneProblem:
    """Each of these changes makes exactly one problem."""

    @pytest.mark.parametrize(
        ("old", "new", "key", "what", "remedy"),
        [
            ("trusted = true", "trused = true", "trunk.sbc.trused", "unknown key", 'did you mean "trusted"?'),
            ("trusted = true", 'trusted = "yes"', "trunk.sbc.trusted", "must be true or false", "correct"),
            (
                "trusted = true",
                "ring_limit_s = true",
                "trunk.sbc.ring_limit_s",
                "a number from 1 to 3600, not true",
                "",
            ),
            ("trusted = true", "ring_limit_s = 0", "trunk.sbc.ring_limit_s", "0 is out of range", "1 to 3600"),
            ("trusted = true", "ring_limit_s = nan", "trunk.sbc.ring_limit_s", "out of range", ""),
            ("trusted = true", "ring_limit_s = 1979-05-27", "trunk.sbc.ring_limit_s", "the date", ""),
            ("trusted = true", "call_id_headers = ['user']", "trunk.sbc.call_id_headers[1]", "cannot carry", ""),
            ('"127.0.1.0/24"', '"127.0.1.7/24"', "trunk.sbc.peers[1]", "bits set", 'did you mean "127.0.1.0/24"?'),
            ('"127.0.1.0/24"', '"127.0.1.0/33"', "trunk.sbc.peers[1]", "not a network", ""),
            ('"127.0.1.0/24"', '"sbc.example"', "trunk.sbc.peers[1]", "not an IP address", "write the address"),
            ('"127.0.1.0/24"', '"127.0.0.1:70000"', "trunk.sbc.peers[1]", "port out of range", "65535"),
            ('"127.0.1.0/24"', "7", "trunk.sbc.peers[1]", "must be text", "quotes"),
            ('address = "127.0.0.4"', 'address = "pbx_1"', "trunk.pbx.address", "not a host name", "pbx.example.com"),
            ('address = "127.0.0.4"', 'address = "127.0.0.444"', "trunk.pbx.address", "not an IP address", ""),
            ('address = "127.0.0.4"', 'address = "pbx:70000"', "trunk.pbx.address", "port out of range", "65535"),
            (
                'address = "127.0.0.4"',
                'address = "pbx"\ntransport = "tcp"',
                "trunk.pbx.transport",
                "does not listen",
                "",
            ),
            ('address = "127.0.0.4"', 'address = "127.0.0.4"\npeers = []', "trunk.pbx.peers", "missing or empty", ""),
            ("trusted = true", "options_interval_s = 0.5", "trunk.sbc.options_interval_s", "too often", "1 or more"),
            ("trusted = true", "calls_per_s = -1", "trunk.sbc.calls_per_s", "out of range", "0 to 10000"),
            ('to = ["pbx"]', 'to = ["pbx"]\nchoice = "random"', "route[1].choice", "not possible", "order, weighted"),
            ('address = "127.0.0.4"', "", "trunk.pbx.address", "is missing", "10.1.0.5:5060"),
            ('address = "127.0.0.4"', 'address = "[::1]"', "trunk.pbx.address", "no IPv6 listener", ""),
            ('network = "core"', 'network = "cor"', "trunk.pbx.network", 'no network "cor"', 'did you mean "core"?'),
            ('network = "core"', "", "trunk.pbx.network", "is missing", "our network"),
            (
                'network = "core"',
                'network = "core"\ntransport = "tcp"',
                "trunk.pbx.transport",
                "does not listen",
                "tcp",
            ),
            (
                'network = "core"',
                'network = "core"\ntransport = "sctp"',
                "trunk.pbx.transport",
                "not possible",
                "tcp, tls, udp",
            ),
            ('to = ["pbx"]', 'to = ["pbx", "pbc"]', "route[1].to", 'no trunk "pbc"', 'did you mean "pbx"?'),
            ('to = ["pbx"]', 'to = ["pbx", "sbc"]', "route[1].to", "has the role access", "role centre"),
            (
                'role = "access"',
                'role = "access"\ntransfers = "refer"',
                "trunk.sbc.transfers",
                "role centre",
                "leave it",
            ),
            ('to = ["pbx"]', 'to = ["pbx", "pbx"]', "route[1].to", "twice", ""),
            ('to = ["pbx"]', "to = []", "route[1].to", "names no trunk", ""),
            ("110|4(.*)", "110|4(.*", "route[1].called", "not a regular expression: missing )", ""),
            ("number = '9\\1'", "number = '9\\2'", "route[1].number", "uses group 2", ""),
            ("[[route]]", "[[rout]]", "rout", "unknown key", 'did you mean "route"?'),
            ('"udp:127.0.0.2:5070"', '"sctp:127.0.0.2:5070"', "network.core.listen[1]", "names no transport", "udp:"),
            ('"udp:127.0.0.2:5070"', '"udp:127.0.0.2:0"', "network.core.listen[1]", "port out of range", ""),
            ('"udp:127.0.0.2:5070"', '"udp:127.0.0.1:5060"', "network.core.listen[1]", "taken by network.access", ""),
            ('"udp:127.0.0.2:5070"', '"udp:0.0.0.0:5060"', "network.core.listen[1]", "taken by network.access", ""),
            ('"udp:127.0.0.2:5070"', '"udp:127.0.0.2:30002"', "network.core.listen[1]", "range of media ports", ""),
            ('"10.0.0.9"', '"0.0.0.0"', "network.core.advertised_address", "cannot be reached", ""),
            ('media_address = "127.0.0.3"', 'media_address = "eth0"', "network.core.media_address", "not an IP", ""),
        ],
    )
    def test_is_named_with_its_line_and_remedy(self, old: str, new: str, key: str, what: str, remedy: str) -> None:
        found = [problem for problem in changed(old, new) if "there is no route" not in problem]
        assert len(found) == 1, found
        place, rest = found[0].split(f": {key}: ", 1)
        at = line_of(old) + new.count("\n") if new else line_of("[trunk.pbx]")
        assert place == f"f.toml:{at}"
        assert what in rest.split("; ")[0]
        assert remedy in rest.split("; ", 1)[1]

    def test_any_address_needs_an_advertised_one(self) -> None:
        found = changed('["udp:127.0.0.1:5060", "tcp:127.0.0.1"]', '["udp:0.0.0.0:5060"]')
        assert [problem.split(": ")[1] for problem in found] == ["network.access.listen[1]"]
        found = changed('"tcp:127.0.0.1"]', '"tcp:127.0.0.1"]\nmedia_address = "0.0.0.0"')
        assert [problem.split(": ")[1] for problem in found] == ["network.access.media_address"]
        parse(GOOD.replace('"tcp:127.0.0.1"]', '"tcp:0.0.0.0:5062"]\nadvertised_address = "127.0.0.1"'))

    def test_any_address_overlaps_with_each(self) -> None:
        text = GOOD.replace('listen = ["udp:127.0.0.1:5060", "tcp:127.0.0.1"]', 'listen = ["udp:0.0.0.0:5070"]')
        text = text.replace("[network.access]", '[network.access]\nadvertised_address = "127.0.0.1"')
        (problem,) = problems_of(text)
        assert "network.core.listen[1]: udp:127.0.0.2:5070 is taken by network.access.listen[1] already" in problem

    def test_a_source_belongs_to_one_trunk(self) -> None:
        text = GOOD + '[trunk.seats]\nrole = "seat"\nnetwork = "access"\npeers = ["127.0.2.2:5080"]\n'
        assert 'is a peer of trunk "sbc" too' in problems_of(text)[0]

    def test_metrics_have_a_port_of_their_own(self) -> None:
        found = problems_of(GOOD + '[metrics]\nlisten = "127.0.0.1:5060"\n')
        assert "metrics.listen: 127.0.0.1:5060 is taken by network.access.listen[2] already" in found[0]
        parse(GOOD + '[metrics]\nlisten = "127.0.0.2:5070"\n')  # UDP there

    def test_browsers_without_udp_have_a_tcp_port_of_their_own(self) -> None:
        here = GOOD.replace('"tcp:127.0.0.1"]', '"tcp:127.0.0.1:8444"]')
        assert here != GOOD
        (problem,) = problems_of(here + "[media]\ntcp_port = 8444\n")
        assert "media.tcp_port: 8444 is taken by network.access.listen[2] already" in problem
        (problem,) = problems_of(GOOD + '[media]\ntcp_port = 9460\n[metrics]\nlisten = "127.0.0.1:9460"\n')
        assert "media.tcp_port: 9460 is taken by metrics.listen already" in problem
        parse(GOOD + "[media]\ntcp_port = 5070\n")  # UDP there

    def test_seats_join_calls_and_so_have_no_limit_of_calls(self) -> None:
        text = GOOD + '[trunk.seats]\nrole = "seat"\nnetwork = "access"\npeers = ["127.0.9.9"]\nmax_calls = 3\n'
        assert ["does not count seats" in problem for problem in problems_of(text)] == [True]

    def test_video_goes_before_voice(self) -> None:
        found = problems_of(GOOD + "[overload]\nvideo_lag_s = 0.5\nrefuse_cpu = 0.5\n")
        assert [problem.split(": ")[1] for problem in found] == ["overload.video_cpu", "overload.video_lag_s"]

    def test_ports_must_suffice_for_the_calls(self) -> None:
        found = problems_of(GOOD + "[media]\nfirst_port = 30000\nlast_port = 30399\n[gateway]\nmax_calls = 101\n")
        assert found == [
            f"f.toml:{line_of('[media]', GOOD + '[media]') + 2}: media.last_port: the range holds 100 voice calls of 4 ports, "
            "but gateway.max_calls is 101; widen the range or lower gateway.max_calls"
        ]
        parse(GOOD + "[media]\nfirst_port = 30000\nlast_port = 30399\n[gateway]\nmax_calls = 100\n")

    def test_a_range_that_runs_backwards(self) -> None:
        assert "lies before" in problems_of(GOOD + "[media]\nfirst_port = 40000\nlast_port = 30399\n")[0]

    def test_the_name_must_fit_into_a_sip_header(self) -> None:
        assert "gateway.name" in problems_of(GOOD + '[gateway]\nname = "two words"\n')[0]

    def test_the_control_socket_must_fit_into_its_address(self) -> None:
        assert "longer than 107 bytes" in problems_of(GOOD + f'[gateway]\ncontrol_socket = "/{"x" * 107}"\n')[0]

    def test_an_empty_file_lacks_everything(self) -> None:
        keys = [problem.split(": ")[1] for problem in problems_of("")]
        assert keys == ["network", "trunk", "trunk", "route"]

    def test_a_table_where_a_list_of_tables_belongs(self) -> None:
        found = problems_of(GOOD.replace("[[route]]", "[route]"))
        assert len(found) == 1
        assert "[[route]]" in found[0]

    def test_a_list_of_tables_where_a_table_belongs_is_one_problem(self) -> None:
        for name in ("trunk.pbx", "network.core"):
            (problem,) = problems_of(GOOD.replace(f"[{name}]", f"[[{name}]]"))
            assert f"{name}: is written as a list, [[{name}]]; write [{name}]" in problem

    def test_any_address_is_told_once(self) -> None:
        text = GOOD.replace("127.0.0.1:5060", "0.0.0.0:5070").replace(', "tcp:127.0.0.1"', "")
        (problem,) = problems_of(text)
        assert "cannot say 'any address'" in problem


class TestUnreadableFiles:
    @pytest.mark.parametrize(
        ("text", "line", "what"),
        [
            ("a = 1\nb = \n", 2, "no value behind the ="),
            ("a = 1\n[b\n", 2, "is not closed"),
            ("a = 1\na = 2\n", 2, "the key a was given in this table already"),
            ("[a]\n[b]\n[ a ]\n", 3, "the table [a] stands here and at line 1 already"),
            ("a = “x”\n", 1, "typographic quotes (“) at column 5"),
            ("a = access # x\n", 1, "a text without quotes at column 5"),
            ("a = True\n", 1, "True is written in small letters"),
            ('a = ["x\n', 1, "the quotes before column 8 are not closed"),
            ("; x\n", 1, "comments begin with #"),
            ("// x\n", 1, "comments begin with #"),
            ("a = 1\n\nb = [1,\n", 3, "at the end of the file"),
            ('a = """x\n\n', 1, "Unterminated string"),
        ],
    )
    def test_a_syntax_error_has_its_line(self, text: str, line: int, what: str) -> None:
        (problem,) = problems_of(text)
        assert problem.startswith(f"f.toml:{line}: file: is not TOML: ")
        assert what in problem
        assert "; " in problem

    def test_what_is_secret_is_not_shown(self) -> None:
        for text in (
            "password = “geheim”\n",
            "password = geheim\n",
            'sha256 = "geheim\n',
            "a = 1\nsecret = 'x' geheim\n",
        ):
            assert not any("geheim" in problem for problem in problems_of(text)), text

    def test_a_byte_order_mark_says_nothing(self, tmp_path: Path) -> None:
        file = tmp_path / "s.toml"
        file.write_text(GOOD, "utf-8-sig")
        assert load(file).networks

    def test_a_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="No such file or directory; give the path"):
            load(tmp_path / "none.toml")

    def test_a_file_that_is_not_utf8(self, tmp_path: Path) -> None:
        file = tmp_path / "latin.toml"
        file.write_bytes(b"a = 1\n# M\xfcller\n")
        with pytest.raises(ConfigError, match=r"latin\.toml:2: file: is not UTF-8"):
            load(file)

    def test_a_missing_picture_is_told_with_the_other_problems(self, tmp_path: Path) -> None:
        file = tmp_path / "s.toml"
        file.write_text(GOOD + '[media]\nslate_picture = "none.png"\nslat = 1\n')
        with pytest.raises(ConfigError) as caught:
            load(file)
        assert [problem.split(": ")[1] for problem in caught.value.problems] == ["media.slate_picture", "media.slat"]


class TestMediaSources:
    @pytest.mark.parametrize(
        ("value", "sources"),
        [
            ("signalled", ()),
            ("peers", ("127.0.0.4/32",)),
            ("any", ("0.0.0.0/0", "::/0")),
        ],
    )
    def test_say_whose_media_are_taken(self, value: str, sources: tuple[str, ...]) -> None:
        text = GOOD.replace('address = "127.0.0.4"', f'address = "127.0.0.4"\nmedia_sources = "{value}"')
        assert parse(text, "f.toml").trunks["pbx"].sources == sources

    def test_peers_that_are_not_named_are_a_problem(self) -> None:
        [problem] = changed('address = "127.0.0.4"', 'address = "pbx.example"\nmedia_sources = "peers"')
        assert "believes nobody" in problem

    def test_an_unknown_word_is_a_problem(self) -> None:
        [problem] = changed('address = "127.0.0.4"', 'address = "127.0.0.4"\nmedia_sources = "all"')
        assert "media_sources" in problem
        assert "signalled" in problem
