"""A browser in a room: ICE, DTLS and SRTP with an independent peer on loopback."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from functools import partial

import pytest
from aiortc.rtcdtlstransport import SRTP_AES128_CM_SHA1_80
from hypothesis import given
from hypothesis import strategies as st

from splitter.core.errors import LocalError, MediaUnavailable
from splitter.core.net import Address
from splitter.media.ports.events import TransportChanged
from splitter.media.ports.rooms import ParticipantMedia
from splitter.media.wire import secure
from splitter.media.wire.dtls import DATAGRAM_BYTES, DtlsState, datagrams
from splitter.media.wire.srtp import SSRC_LIMIT
from splitter.media.wire.times import SecureTimes
from splitter.rtp import packet
from splitter.rtp.rtcp import Bye
from tests.media.wire.stand import BROWSER, HOST, Browser, Ice, both_show, seated, showing, stand
from tests.patience import until


class TestIce:
    async def test_peer_without_candidates_is_learned_from_its_checks(self) -> None:
        async with stand() as s:
            browser = Browser()
            await s.seat(browser, candidates=False)
            assert s.wire().to == browser.ice.address
            await browser.close()

    async def test_a_relay_is_told_also_where_its_checks_were_quicker_than_its_name(self) -> None:
        async with stand() as s:
            browser = Browser()
            await s.seat(browser, candidates=False)
            host, port = s.wire().to
            relay = f"candidate:1 1 udp 16777215 {host} {port} typ relay raddr 10.0.0.5 rport 40000"
            s.settle(replace(browser.secure(), candidates=(relay,)))
            assert "a relay of the browser's" in s.of(TransportChanged)[-1].reason
            told = len(s.of(TransportChanged))
            s.settle(replace(browser.secure(), candidates=(relay,)))
            assert len(s.of(TransportChanged)) == told, "once"
            assert s.wire().state == "connected"
            await browser.close()

    async def test_names_and_nonsense_among_candidates_are_left_out(self) -> None:
        async with stand() as s:
            browser = Browser()
            odd = (
                "1 1 udp 2113937151 0a1b2c3d-aaaa-bbbb-cccc-0123456789ab.local 50000 typ host",
                "1 1 tcp 1518280447 127.0.0.1 9 typ host tcptype active",
                "1 2 udp 2113937151 127.0.0.1 50001 typ host",
                "1 1 udp 2113937151 127.0.0.1 99999 typ host",
                "x",
                "candidate:1 one udp x y z typ host",
                *(f"{n} 1 udp {n} 127.0.0.1 {40_000 + n} typ host" for n in range(1, 500)),
            )
            await s.seat(browser, candidates=odd)
            assert s.wire().state == "connected"
            assert len(s.wire().paths.current.agent.remote_candidates) <= 21
            await browser.close()

    async def test_a_browser_that_never_comes_is_given_up_with_the_reason(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(secure, "SecureTimes", partial(SecureTimes, path_limit_s=0.2))
        async with stand() as s:
            s.room.join_secure("seat-1", HOST, HOST)
            browser = Browser()
            await browser.ice.gather()
            s.settle(browser.secure(candidates=False))
            await until(lambda: s.states == ["connecting", "failed"])
            assert "nothing came" in s.of(TransportChanged)[-1].reason
            with pytest.raises(MediaUnavailable):
                s.room.restart_ice("seat-1")
            s.room.leave("seat-1")
            assert len(s.host.poller) == 2
            await browser.close()

    async def test_wrong_credentials_get_silence(self) -> None:
        async with stand() as s:
            _, local = s.room.join_secure("seat-1", HOST, HOST)
            browser = Browser()
            await browser.ice.gather()
            s.settle(browser.secure(candidates=False))
            stranger = Ice()
            await stranger.gather()
            await stranger.meet(local)
            stranger.remote_password = "x" * 24
            heard: list[bytes] = []
            stranger.data_received = lambda data, component: heard.append(data)  # type: ignore[method-assign]
            connecting = asyncio.ensure_future(stranger.connect())
            await until(lambda: s.room.report().participants[1].stream.rejected > 0)
            assert s.wire().paths.current.agent.checks == 0 and not heard
            connecting.cancel()
            await stranger.close()
            await browser.connect(local)
            await until(lambda: s.wire().state == "connected")
            await browser.close()

    async def test_the_path_follows_a_browser_whose_address_changes(self) -> None:
        async with showing() as (s, browser):
            key_frames = s.room.report().participants[1].key_frames_in
            first = browser.ice
            second = Ice()  # as the same agent on another network: same credentials, another address
            await second.gather()
            second._local_username, second._local_password = first.local_username, first.local_password
            await second.meet(s.wire().local)
            await second.connect()
            await until(lambda: s.wire().to == second.address)
            browser.ice = second
            await browser.show(5)
            before = len(browser.rtp)
            s.phone.show()
            pump = asyncio.ensure_future(_pump(browser))
            await until(lambda: len(browser.rtp) > before)
            assert s.states == ["connecting", "connected"]
            assert s.room.report().participants[0].source == "seat-1"
            assert s.room.report().participants[1].key_frames_in == key_frames, "nothing was lost"
            pump.cancel()
            await first.close()

    async def test_restart_moves_media_when_the_new_path_is_there_and_keeps_the_keys(self) -> None:
        async with showing() as (s, browser):
            old, old_port = s.wire().local, s.wire().ports[0]
            port, local = s.room.restart_ice("seat-1")
            assert port != old_port
            assert (local.ufrag, local.password) != (old.ufrag, old.password)
            assert local.fingerprint == old.fingerprint
            before = s.room.report().participants[1].stream
            await browser.show(3)  # the old path carries on
            await until(lambda: s.room.report().participants[1].stream.packets_in > before.packets_in)
            first, second = browser.ice, Ice()
            await second.gather()
            browser.ice = second
            changed = browser.secure()
            browser.ice = first
            s.settle(changed)
            await second.meet(local)
            await second.connect()
            await until(lambda: s.wire().to == second.address)
            await browser.show(2)  # stragglers on the old path are still taken
            browser.ice = second
            await browser.show(5)
            pump = asyncio.ensure_future(_pump(browser))
            seen = len(browser.rtp)
            s.phone.show()
            await until(lambda: len(browser.rtp) > seen)
            report = s.room.report().participants
            assert report[1].stream.lost == 0 and report[0].source == "seat-1"
            assert s.states == ["connecting", "connected"]
            watched = len(s.host.poller)
            s.wire().paths._before[0].timer.cancel()
            s.wire().paths.forget(s.wire().paths._before[0])
            assert len(s.host.poller) == watched - 2  # the old port, and its short cut
            pump.cancel()
            await first.close()

    async def test_a_restart_is_off_where_the_peer_is_as_it_was(self) -> None:
        """As after a gateway's death: nobody has told the browser what its restart was answered."""
        async with showing() as (s, browser):
            before, media = s.wire().local, browser.secure()
            s.room.restart_ice("seat-1")
            second = Ice()
            await second.gather()
            first, browser.ice = browser.ice, second
            s.settle(browser.secure())
            browser.ice = first
            s.settle(media)
            assert s.wire().local == before
            packets = s.room.report().participants[1].stream.packets_in
            await browser.show(3)
            await until(lambda: s.room.report().participants[1].stream.packets_in > packets)
            assert s.states == ["connecting", "connected"]
            await second.close()

    async def test_a_restart_that_was_not_asked_for_is_our_own_mistake(self) -> None:
        async with seated() as (s, browser):
            other = Browser()
            await other.ice.gather()
            with pytest.raises(LocalError):
                s.settle(other.secure(fingerprints=(browser.fingerprint,)))
            with pytest.raises(LocalError):
                s.room.restart_ice("caller")
            await other.close()


async def _pump(browser: Browser) -> None:
    """aiortc's own reading ended with the agent that was replaced."""
    while True:
        await browser.dtls._recv_next()


def _fragments(datagram: bytes) -> list[tuple[int, int, int]]:
    """Type, length and length of the fragment of each handshake message in clear (RFC 6347 §4.2.2)."""
    found = []
    at = 0
    while at + 13 <= len(datagram):
        size = int.from_bytes(datagram[at + 11 : at + 13])
        body = datagram[at + 13 : at + 13 + size]
        if datagram[at] == 22 and datagram[at + 3 : at + 5] == b"\0\0":
            found.append((body[0], int.from_bytes(body[1:4]), int.from_bytes(body[9:12])))
        at += 13 + size
    return found


class TestDatagrams:
    @given(st.lists(st.integers(0, 1500), max_size=12))
    def test_hold_whole_records_and_no_more_than_a_path_carries(self, sizes: list[int]) -> None:
        records = [bytes(11) + size.to_bytes(2) + bytes(size) for size in sizes]
        sent = list(datagrams(b"".join(records)))
        assert b"".join(sent) == b"".join(records)
        ends = {sum(map(len, records[:count])) for count in range(1, len(records) + 1)}
        assert {sum(map(len, sent[:count])) for count in range(1, len(sent) + 1)} <= ends
        assert all(len(one) <= DATAGRAM_BYTES or len(one) - 13 in sizes for one in sent)

    def test_what_is_no_record_is_sent_as_it_is(self) -> None:
        assert list(datagrams(b"abc")) == [b"abc"]
        assert list(datagrams(b"")) == []


class TestDtls:
    @pytest.mark.parametrize("setup", ["actpass", "active", "passive"])
    async def test_either_side_may_begin(self, setup: str) -> None:
        async with stand() as s:
            browser = Browser()
            await s.seat(browser, setup=setup)
            assert browser.dtls.state == "connected"
            await until(lambda: browser.rtp)
            await browser.close()

    @pytest.mark.parametrize("setup", ["active", "passive"])
    async def test_no_message_is_cut_that_fits_into_a_datagram(self, setup: str) -> None:
        """There are peers that do not put fragments of a certificate together (RFC 6347 §4.2.3)."""

        async with stand() as s:
            browser = Browser()
            flights: list[bytes] = []

            async def recv() -> bytes:
                data = await Browser._recv(browser)
                flights.extend([data] if 20 <= data[0] <= 63 else [])
                return data

            browser._recv = recv  # type: ignore[method-assign]
            await s.seat(browser, setup=setup)
            assert max(map(len, flights)) <= DATAGRAM_BYTES
            whole = [_fragments(data) for data in flights]
            assert any(kind == 11 for one in whole for kind, *_ in one), "a certificate was sent"
            assert all(length == size for one in whole for _, length, size in one)
            assert len(flights) <= 3
            await browser.close()

    async def test_another_certificate_than_the_descriptions_is_refused(self) -> None:
        async with stand() as s:
            _, local = s.room.join_secure("seat-1", HOST, HOST)
            browser, other = Browser(), Browser()
            await browser.ice.gather()
            s.settle(browser.secure(fingerprints=(other.fingerprint,)))
            await browser.connect(local)
            await until(lambda: s.states == ["connecting", "failed"])
            assert "fingerprint" in s.of(TransportChanged)[-1].reason
            assert not browser.rtp
            await browser.close()
            await other.close()

    async def test_one_fingerprint_of_several_is_enough(self) -> None:
        async with stand() as s:
            browser, other = Browser(), Browser()
            weak = "sha-1 " + ":".join(["AB"] * 20)
            await s.seat(browser, fingerprints=(weak, other.fingerprint, browser.fingerprint))
            await browser.close()
            await other.close()

    async def test_a_peer_without_gcm_gets_aes_cm(self) -> None:
        async with stand() as s:
            browser = Browser()
            browser.dtls._srtp_profiles = [SRTP_AES128_CM_SHA1_80]
            await s.seat(browser)
            assert "AES128_CM" in s.of(TransportChanged)[-1].reason
            await until(lambda: browser.rtp)
            await browser.close()

    async def test_a_browser_that_says_goodbye_is_gone_at_once(self) -> None:
        async with seated() as (s, browser):
            await browser.dtls.stop()
            await until(lambda: s.states[-1] == "failed")
            assert "ended" in s.of(TransportChanged)[-1].reason

    async def test_we_say_goodbye_too(self) -> None:
        async with seated() as (s, browser):
            await until(lambda: browser.rtp)
            s.room.leave("seat-1")
            await until(lambda: browser.dtls.state == "closed")
            assert browser.of(Bye)

    async def test_a_new_certificate_in_mid_session_means_joining_anew(self) -> None:
        async with stand() as s:
            browser, other = Browser(), Browser()
            await s.seat(browser)
            s.settle(browser.secure(fingerprints=(other.fingerprint,)))
            assert s.states[-1] == "failed"
            await browser.close()
            await other.close()


class TestStrangers:
    async def test_garbage_is_counted_and_ignored(self) -> None:
        async with showing() as (s, browser):
            to = (HOST, s.wire().ports[0])
            stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            datagrams = [
                b"",
                b"\x80",
                b"\x80\x66" + bytes(30),
                b"\x80\xc8" + bytes(30),
                b"\x16\xfe\xfd" + bytes(50),
                b"\x00\x01\x00\x00" + bytes(16),
                b"\x00\x01\x00\x08\x21\x12\xa4\x42" + bytes(12) + b"\x00\x24\x00\x04",
                b"\x00\x01\x00\x08\x21\x12\xa4\x42" + bytes(12) + b"\x80\x2a\x00\x01\x01\x00\x00\x00",
                b"\xff" * 1400,
                b"\x40" * 100,
            ]
            for send in (browser.ice._protocols[0].transport.sendto, stranger.sendto):
                for datagram in datagrams:
                    send(datagram, to)
            stranger.close()
            await browser.show(3)
            await until(lambda: s.room.report().participants[1].stream.rejected >= 10)
            assert s.wire().cipher.counts.unauthentic == 2
            assert s.wire().paths.current.agent.malformed >= 2
            assert s.wire().state == "connected"
            await both_show(s, browser)

    async def test_a_flood_of_checks_costs_little_and_breaks_nothing(self) -> None:
        async with seated() as (s, browser):
            stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            check = b"\x00\x01\x00\x08\x21\x12\xa4\x42" + bytes(12) + b"\x00\x24\x00\x04\x00\x00\x00\x01"
            began = s.loop.now()
            for _ in range(600):
                stranger.sendto(check, (HOST, s.wire().ports[0]))
            stranger.close()
            await until(lambda: s.wire().strays + s.wire().paths.current.agent.rejected >= 500)
            parsed, took_s = s.wire().paths.current.agent.rejected, s.loop.now() - began
            assert parsed <= 200 * (1 + took_s) + 1, "the others were not even parsed"
            seen = len(browser.rtp)
            await until(lambda: len(browser.rtp) > seen)

    async def test_a_replayed_packet_is_not_taken_twice(self) -> None:
        async with showing() as (s, browser):
            taken = (browser.sequence - Browser.sequence) & 0xFFFF
            await until(lambda: s.room.report().participants[1].stream.packets_in == taken)
            sealed = browser.dtls._tx_srtp.protect(browser.packets()[0])
            for _ in range(5):
                await browser.ice.send(sealed)
            await until(lambda: s.wire().cipher.counts.replayed == 4)
            assert s.room.report().participants[1].stream.packets_in == taken + 1

    async def test_a_peer_cannot_make_us_keep_any_number_of_streams(self) -> None:
        async with seated() as (s, browser):
            for ssrc in range(1, 201):
                await browser.send(packet.build(packet.Packet(False, 102, 1, 1, ssrc, b"\x41\x9a")))
            await until(lambda: s.wire().cipher.counts.unauthentic >= 136)
            assert s.wire().cipher.counts.unauthentic == 200 - SSRC_LIMIT


class TestInterruption:
    async def test_silence_is_told_and_so_is_the_return(self) -> None:
        async with showing() as (s, browser):
            wire = s.wire()
            wire.heard_at -= 7
            wire.look(s.loop.now())
            assert s.states[-1] == "interrupted"
            await until(lambda: s.room.report().participants[0].source == "slate")
            await browser.show()
            await until(lambda: s.states[-1] == "connected")
            await both_show(s, browser, 1)

    async def test_without_consent_nothing_is_sent(self) -> None:
        async with seated() as (s, browser):
            wire = s.wire()
            wire.heard_at -= 31
            wire.paths.current.agent.consent_at -= 31
            wire.look(s.loop.now())
            assert wire.to == Address("", 0)
            out = s.room.participant("seat-1").view.out
            assert out.to.port == 0
            wire.paths.current.agent.consent_at += 31  # as a check of ours that is answered does
            wire.on_heard()
            assert wire.state == "connected" and out.to == browser.ice.address

    async def test_consent_that_lapsed_while_its_picture_came_is_taken_again(self) -> None:
        async with seated() as (s, browser):
            wire = s.wire()
            wire.paths.current.agent.consent_at -= 31
            wire.look(s.loop.now())
            assert wire.state == "connected" and wire.to == Address("", 0)
            wire.paths.current.agent.consent_at += 31  # as a check of ours that is answered does
            wire.on_heard()
            assert wire.to == s.room.participant("seat-1").view.out.to == browser.ice.address
            assert s.states == ["connecting", "connected"]

    async def test_patience_ends(self) -> None:
        async with seated() as (s, _browser):
            wire = s.wire()
            for seconds in (7, 121):
                wire.heard_at = s.loop.now() - seconds
                wire.look(s.loop.now())
            assert s.states[-2:] == ["interrupted", "failed"]
            assert len(s.host.poller) == 2


class TestClosing:
    @pytest.mark.parametrize("when", ["joined", "checking", "shaking", "connected", "restarting"])
    async def test_leaves_nothing_whenever_it_comes(self, when: str) -> None:
        async with stand() as s:
            browser = Browser()
            if when in ("connected", "restarting"):
                await s.seat(browser)
                if when == "restarting":
                    s.room.restart_ice("seat-1")
            else:
                _, local = s.room.join_secure("seat-1", HOST, HOST)
                await browser.ice.gather()
                if when != "joined":
                    s.settle(browser.secure())
                if when == "shaking":
                    await browser.ice.meet(local)
                    await browser.ice.connect()
                    await until(lambda: s.wire().keying.handshake.state is DtlsState.SHAKING)
                    await asyncio.sleep(0.02)
            s.room.close()
            await browser.close()
            # the stand looks for sockets, timers and tasks

    async def test_pausing_keeps_the_transport(self) -> None:
        async with showing() as (s, browser):
            s.room.set_participant("seat-1", None)
            assert s.room.report().participants[0].source == "slate"
            media = ParticipantMedia(None, BROWSER, BROWSER, secure=browser.secure())
            s.room.set_participant("seat-1", media)
            await both_show(s, browser)
            assert s.states == ["connecting", "connected"]
