"""Two parties of the lab talk to each other over loopback: what one sends, the other hears and sees."""

import asyncio

import pytest

from splitter.core.net import Address
from splitter.lab.audio import AudioStream
from splitter.lab.tone import PCMA, PCMU, Tone
from splitter.lab.video import VideoSettings, VideoStream
from tests.patience import until


def _connect(one: AudioStream | VideoStream, other: AudioStream | VideoStream, *details: int) -> None:
    host, ports = "127.0.0.1", other.ports
    one.connect(Address(host, ports.rtp_port), Address(host, ports.rtcp_port), *details)


class TestVoice:
    @pytest.mark.parametrize("law", [PCMA, PCMU])
    async def test_each_hears_the_others_tone(self, law: int) -> None:
        one = await AudioStream.open("127.0.0.1", Tone(440), (440.0, 1000.0))
        other = await AudioStream.open("127.0.0.1", Tone(1000), (440.0, 1000.0))
        _connect(one, other, law)
        _connect(other, one, law)
        await until(lambda: one.hearing.seconds(1000) > 0.3 and other.hearing.seconds(440) > 0.3)
        assert one.hearing.seconds(440) == 0
        assert one.counts.lost == other.counts.lost == 0
        one.sending = False
        await one.close()
        await other.close()


class TestPicture:
    @pytest.mark.parametrize("mode", [0, 1])
    async def test_each_sees_the_other(self, mode: int) -> None:
        one = await VideoStream.open("127.0.0.1", VideoSettings(1, orientation_id=7, orientation=2))
        other = await VideoStream.open("127.0.0.1", VideoSettings(2, orientation_id=7))
        _connect(one, other, 123, mode)
        _connect(other, one, 123, mode)
        await until(lambda: one.sight.rising(2) > 5 and other.sight.rising(1) > 5)
        assert set(one.sight.senders) == {2}
        assert other.counts.orientations == {2}
        assert (one.decoder.errors, one.counts.lost, one.counts.backward, len(one.counts.sources)) == (0, 0, 0, 1)
        await one.close()
        await other.close()


class TestKeyFrameRequests:
    @pytest.mark.parametrize("request_by", ["pli", "fir"])
    async def test_who_joins_late_asks_and_sees(self, request_by: str) -> None:
        sender = await VideoStream.open("127.0.0.1", VideoSettings(1))
        early = await VideoStream.open("127.0.0.1", VideoSettings(2))
        _connect(sender, early, 123)
        await until(lambda: sender.counts.frames_out > 2)
        late = await VideoStream.open("127.0.0.1", VideoSettings(3, request=request_by))
        _connect(sender, late, 123)
        sender.key_wanted = False  # as if it did not know that someone new is watching
        _connect(late, sender, 123)
        await until(lambda: late.sight.rising(1) > 2)
        by_kind = {"pli": sender.counts.pli_in, "fir": sender.counts.fir_in}
        assert by_kind.pop(request_by) == sender.counts.requests_in >= 1, "once more where the machine is slow"
        assert not any(by_kind.values()) and sender.counts.key_frames_out >= 2
        for stream in (sender, early, late):
            await stream.close()

    async def test_the_same_full_intra_request_twice_is_one(self) -> None:
        from splitter.lab.wire import full_intra

        stream = await VideoStream.open("127.0.0.1", VideoSettings(1))
        source = Address("127.0.0.1", 9)
        for sequence in (4, 4, 5):
            stream.on_rtcp(full_intra(1, 2, sequence, "x"), source)
        assert stream.counts.fir_in == 2
        await stream.close()


class TestPorts:
    async def test_even_and_odd_and_free_again_after_close(self) -> None:
        stream = await AudioStream.open("127.0.0.1", Tone(440), ())
        ports = stream.ports
        assert ports.rtp_port % 2 == 0
        assert ports.rtcp_port == ports.rtp_port + 1
        await stream.close()
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        for port in (ports.rtp_port, ports.rtcp_port):
            transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, local_addr=("127.0.0.1", port))
            transport.close()
