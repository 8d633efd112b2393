"""splitter doctor: what is wrong with the place that a gateway is to run at, each with its remedy."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from click.testing import Result

from splitter.cli.examination.kernel import examine_kernel
from splitter.cli.examination.machine import examine_machine
from splitter.cli.examination.observation import Grade, Observation
from splitter.config.load import load
from splitter.config.model import Settings
from splitter.lab.places import free_ports
from splitter.media.settings import KernelUse
from tests.cli.kit import splitter

ANSWER = b"SIP/2.0 404 Not here\r\nContent-Length: 0\r\n\r\n"


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """A neighbour that answers whatever comes, once."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as end:
        end.bind(("127.0.0.1", 0))
        end.settimeout(60)

        def serve() -> None:
            data, source = end.recvfrom(4096)
            assert data.startswith(b"OPTIONS sip:") and data.endswith(b"\r\n\r\n")
            end.sendto(answer, source)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{end.getsockname()[1]}"
        thread.join(60)


def configuration(folder: Path, sbc: str, centre: str, *more: str) -> Path:
    file = folder / "s.toml"
    data = folder / "data"
    [port] = free_ports("127.0.0.1", 1)
    arguments = ("--outer", f"127.0.0.1:{port}", "--inner", f"127.0.0.1:{port}", "--folder", str(data), *more)
    result = splitter("init", str(file), "--sbc", sbc, "--centre", centre, *arguments)
    assert result.exit_code == 0, result.stderr
    return file


def examined(file: Path, *more: str) -> tuple[Result, dict[str, list[Observation]]]:
    result = splitter("doctor", "-c", str(file), "--json", *more)
    found: dict[str, list[Observation]] = {}
    for one in json.loads(result.stdout):
        finding = Observation(one["subject"], Grade(one["grade"]), one["what"], one["remedy"])
        found.setdefault(finding.subject, []).append(finding)
    return result, found


class TestNeighbours:
    def test_that_answer_anything_are_there(self, tmp_path: Path) -> None:
        with answering(ANSWER) as sbc, answering(ANSWER.replace(b"404 Not here", b"200 OK")) as centre:
            result, found = examined(configuration(tmp_path, sbc, centre))
        assert [one.what for one in found["trunk sbc"]] == [f"udp {sbc} answers OPTIONS with 404 Not here"]
        assert found["trunk pbx"][0].grade is Grade.GOOD
        assert result.exit_code == 0, result.stdout

    def test_that_are_not_there_are_a_fault_with_a_remedy(self, tmp_path: Path) -> None:
        with answering(b"\x00garbage") as sbc:
            result, found = examined(configuration(tmp_path, sbc, "127.0.0.1:9"))
        assert "no SIP" in found["trunk sbc"][0].what and found["trunk sbc"][0].grade is Grade.DOUBT
        assert found["trunk pbx"][0].grade is Grade.BAD and "refused" in found["trunk pbx"][0].what
        assert found["trunk pbx"][0].remedy and result.exit_code == 1

    def test_are_not_asked_offline(self, tmp_path: Path) -> None:
        result, found = examined(configuration(tmp_path, "127.0.0.1:9", "127.0.0.1:7"), "--offline")
        assert result.exit_code == 0 and not any(subject.startswith("trunk") for subject in found)

    def test_by_a_name_that_leads_nowhere(self, tmp_path: Path) -> None:
        file = configuration(tmp_path, "127.0.0.1:9", "127.0.0.1:7")
        text = file.read_text().replace('address = "127.0.0.1:7"', 'address = "pbx.invalid"')
        file.write_text(text + '[dns]\nservers = ["127.0.0.1:9"]\nlimit_s = 0.2\n')
        _, found = examined(file)
        assert found["trunk pbx"][0].grade is Grade.BAD and "pbx.invalid" in found["trunk pbx"][0].what

    def test_over_tcp(self, tmp_path: Path) -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as server:

            def serve() -> None:
                end, _ = server.accept()
                with closing(end):
                    assert end.recv(4096).startswith(b"OPTIONS sip:")
                    end.sendall(ANSWER)

            thread = threading.Thread(target=serve, daemon=True)
            thread.start()
            port = server.getsockname()[1]
            file = configuration(tmp_path, "127.0.0.1:9", f"127.0.0.1:{port}")
            file.write_text(file.read_text().replace(f'"127.0.0.1:{port}"', f'"127.0.0.1:{port}"\ntransport = "tcp"'))
            _, found = examined(file)
            thread.join(60)
        assert found["trunk pbx"][0].what == f"tcp 127.0.0.1:{port} answers OPTIONS with 404 Not here"


class TestPlaces:
    def test_a_port_that_somebody_has(self, tmp_path: Path) -> None:
        file = configuration(tmp_path, "127.0.0.1:9", "127.0.0.1:7")
        address = next(iter(load(file).networks.values())).listeners[0].address
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as end:
            end.bind(address)
            result, found = examined(file, "--offline")
        assert found["ports"][0].what == f"SIP udp {address}: somebody has it" and result.exit_code == 1

    def test_the_tcp_port_of_browsers(self, tmp_path: Path) -> None:
        file = configuration(tmp_path, "127.0.0.1:9", "127.0.0.1:7")
        with closing(socket.create_server(("127.0.0.1", 0))) as end:
            port = end.getsockname()[1]
            media = f"[media]\ntcp_port = {port}\ntcp_advertised_port = 443\n"
            file.write_text(file.read_text().replace("[media]\n", media))
            result, found = examined(file, "--offline")
            assert (
                found["ports"][0].what == f"media.tcp_port 127.0.0.1:{port}: somebody has it" and result.exit_code == 1
            )
            told = f"127.0.0.1 TCP {port} (which your router has as TCP 443)"
            assert told in found["firewall"][0].what and "UDP 30000–39999" in found["firewall"][0].what
            with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as control:
                control.bind(load(file).control_socket)
                control.listen()
                _, found = examined(file, "--offline")
                assert [one.grade for one in found["ports"]] == [Grade.GOOD]
                end.close()
                _, found = examined(file, "--offline")
                assert found["ports"][1].what.startswith(f"nobody listens at TCP {port}")

    def test_where_the_gateway_runs_it_has_them(self, tmp_path: Path) -> None:
        file = configuration(tmp_path, "127.0.0.1:9", "127.0.0.1:7")
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as control:
            control.bind(load(file).control_socket)
            control.listen()
            _, found = examined(file, "--offline")
        assert found["ports"][0].what == "the gateway runs, and has them"

    def test_a_faulty_file_is_all_that_is_told(self, tmp_path: Path) -> None:
        file = configuration(tmp_path, "127.0.0.1:9", "127.0.0.1:7")
        file.write_text(file.read_text().replace('role = "access"', 'role = "acess"'))
        result, found = examined(file)
        assert [*found] == ["configuration"] and result.exit_code == 1
        assert 'did you mean "access"?' in found["configuration"][0].remedy

    def test_as_text_it_ends_with_a_count(self, tmp_path: Path) -> None:
        file = configuration(tmp_path, "127.0.0.1:9", "127.0.0.1:7")
        result = splitter("doctor", "-c", str(file), "--offline")
        assert result.stdout.splitlines()[-1].startswith("0 faults, ")


class TestKernel:
    MODULES = "kernel/net/sched/cls_bpf.ko.xz:\nkernel/net/sched/sch_ingress.ko.xz:\n"

    def found(
        self, folder: Path, settings: Settings, held: int, release: str, deps: str = ""
    ) -> dict[str, Observation]:
        """What is said where a process has these capabilities on that kernel, by subject; the last one of each."""
        (folder / "proc/self").mkdir(parents=True, exist_ok=True)
        (folder / "proc/self/status").write_text(f"Name:\tx\nCapEff:\t{held:016x}\n")
        (folder / "modules" / release).mkdir(parents=True, exist_ok=True)
        (folder / "modules" / release / "modules.dep").write_text(deps)
        found = examine_kernel(settings, folder / "proc", folder / "modules", release)
        return {one.subject: one for one in found}

    def test_nothing_is_needed_where_nothing_is_wanted(self, tmp_path: Path) -> None:
        settings = load(configuration(tmp_path, "127.0.0.1:9", "127.0.0.1:7"))
        assert [*self.found(tmp_path, settings, 0, "5.4.0")] == ["capabilities"]

    def test_a_port_that_not_everybody_may_have(self, tmp_path: Path) -> None:
        settings = load(configuration(tmp_path, "127.0.0.1:9", "127.0.0.1:7"))
        low = replace(settings, media=replace(settings.media, tcp_port=443))
        lacks = self.found(tmp_path, low, 0, "6.1.0")["capabilities"]
        assert lacks.grade is Grade.DOUBT and "port 443" in lacks.what and "CAP_NET_BIND_SERVICE" in lacks.remedy
        assert self.found(tmp_path, low, 1 << 10, "6.1.0")["capabilities"].grade is Grade.GOOD
        allowed = tmp_path / "proc/sys/net/ipv4"
        allowed.mkdir(parents=True)
        (allowed / "ip_unprivileged_port_start").write_text("443\n")
        assert self.found(tmp_path, low, 0, "6.1.0")["capabilities"].grade is Grade.GOOD

    def test_what_voice_in_the_kernel_needs(self, tmp_path: Path) -> None:
        settings = load(configuration(tmp_path, "127.0.0.1:9", "127.0.0.1:7"))
        wanted = replace(settings, media=replace(settings.media, offload=KernelUse.AUTO))
        lacks = self.found(tmp_path, wanted, 1 << 39, "6.1.0-1-amd64", "kernel/net/sched/cls_bpf.ko:\n")
        assert "CAP_NET_ADMIN" in lacks["capabilities"].what and "docs/offload.md" in lacks["capabilities"].remedy
        assert lacks["kernel modules"].grade is Grade.DOUBT and "sch_ingress cannot" in lacks["kernel modules"].what
        both = 1 << 39 | 1 << 12
        fine = self.found(tmp_path, wanted, both, "6.1.0-1-amd64", self.MODULES)
        assert {one.grade for one in fine.values()} == {Grade.GOOD} and "kernel modules" in fine
        assert "kernel modules" not in self.found(tmp_path, wanted, both, "6.12.0")
        assert self.found(tmp_path, wanted, both, "5.4.0")["kernel"].grade is Grade.DOUBT


class TestSecrets:
    def test_that_everybody_may_read_are_told(self, tmp_path: Path) -> None:
        file = configuration(tmp_path, "127.0.0.1:9", "127.0.0.1:7", "--agent", "8001", "--desk", "127.0.0.1:28443")
        file.chmod(0o644)
        (tmp_path / "desk.pem").chmod(0o644)
        _, found = examined(file, "--offline")
        told = {one.remedy for one in found["configuration"]}
        assert {f"chmod o-rwx {file}", f"chmod o-rwx {tmp_path / 'desk.pem'}"} <= told


class TestMachine:
    def test_what_the_kernel_allows(self, tmp_path: Path) -> None:
        settings = load(configuration(tmp_path, "127.0.0.1:9", "127.0.0.1:7"))

        def found(**values: str) -> dict[str, Observation]:
            for name, value in values.items():
                path = tmp_path / "proc/sys/net" / name.replace("__", "/")
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(value + "\n")
            return {one.subject: one for one in examine_machine(settings, tmp_path / "proc")}

        assert "firewall" not in found(), "none follows connections"
        full = found(
            netfilter__nf_conntrack_max="4096", core__rmem_max="212992", ipv4__ip_local_port_range="32768\t60999"
        )
        assert "sysctl -w net.netfilter.nf_conntrack_max=32000" in full["firewall"].remedy
        assert "net.core.rmem_max=4194304" in full["receive buffer"].remedy
        assert "ip_local_reserved_ports=30000-39999" in full["media ports"].remedy
        half = found(ipv4__ip_local_reserved_ports="32768-35000,35002-39999")
        assert half["media ports"].grade is Grade.DOUBT
        mended = found(
            netfilter__nf_conntrack_max="262144",
            core__rmem_max="4194304",
            ipv4__ip_local_reserved_ports="30000-39999",
        )
        for subject in ("firewall", "receive buffer", "media ports"):
            assert mended[subject].grade is Grade.GOOD, subject

    def test_what_recordings_may_take_of_the_disk(self, tmp_path: Path) -> None:
        settings = load(configuration(tmp_path, "127.0.0.1:9", "127.0.0.1:7"))

        def found(**keys: float) -> Grade:
            recording = replace(settings.recording, folder=str(tmp_path / "recordings"), **keys)  # type: ignore[arg-type]
            given = replace(settings, recording=recording)
            return {one.subject: one for one in examine_machine(given, tmp_path)}["recordings"].grade

        assert found(least_free_mb=0, quota_gb=0.001) is Grade.GOOD
        assert found(least_free_mb=0, quota_gb=1e9) is Grade.DOUBT
        assert found(least_free_mb=1 << 60) is Grade.BAD
