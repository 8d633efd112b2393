"""A handset calls another lab agent, without a gateway between them: the user agent, its offers, answers and media."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from splitter.core.ids import IdSource
from splitter.lab.agent import UserAgent
from splitter.lab.agent_call import AgentCall
from splitter.lab.audio import AudioStream
from splitter.lab.consent import Consent, Reaction
from splitter.lab.handset import Handset, HandsetSettings
from splitter.lab.offers import VideoLine, Voice
from splitter.lab.party import Dialect, MediaParty
from splitter.lab.tone import Tone
from splitter.lab.video import VideoSettings, VideoStream
from splitter.sip.message import Request
from tests.patience import until

HOST = "127.0.0.1"


class Callee:
    """An agent that takes one call with a tone of 660 Hz and pictures of sender 9."""

    def __init__(self) -> None:
        self.agent = UserAgent("9", HOST)
        self.calls: list[AgentCall] = []
        self.take: Callable[[AgentCall], None] = lambda call: call.accept()

    async def start(self) -> None:
        ids = IdSource()
        self.audio = await AudioStream.open(HOST, Tone(660), (1000.0,))
        self.video = await VideoStream.open(HOST, VideoSettings(9))
        self.party = MediaParty(HOST, Dialect(), self.audio, self.video, ids)
        self.agent.new_party = lambda: self.party
        self.agent.on_call = self._on_call
        await self.agent.start()

    def _on_call(self, call: AgentCall, request: Request) -> None:
        self.calls.append(call)
        self.take(call)

    async def stop(self) -> None:
        await self.party.close()
        await self.agent.stop()


@asynccontextmanager
async def pair(dialect: Dialect | None = None) -> AsyncIterator[tuple[Handset, Callee]]:
    """A handset and a callee, both started."""
    handset, callee = Handset(HandsetSettings(dialect=dialect or Dialect()), HOST), Callee()
    await handset.start()
    await callee.start()
    try:
        yield handset, callee
    finally:
        await handset.stop()
        await callee.stop()


class TestCall:
    @pytest.mark.parametrize("picture", [VideoLine.VILTE, VideoLine.BOTH_MODES, VideoLine.MODE_0])
    async def test_both_hear_and_see_each_other_until_bye(self, picture: VideoLine) -> None:
        async with pair(Dialect(picture=picture)) as (handset, callee):
            call = handset.dial("9", callee.agent.address)
            assert (await call.answered()).accepted
            await until(lambda: handset.video.sight.rising(9) > 3 and callee.video.sight.rising(1) > 3)
            await until(lambda: handset.audio.hearing.seconds(660) > 0.2 and callee.audio.hearing.seconds(1000) > 0.2)
            format_ = callee.party.video_format
            assert format_ is not None
            assert format_.packetization_mode == (0 if picture is VideoLine.MODE_0 else 1)
            outcome = await handset.hang_up()
            assert outcome is not None
            assert outcome.status == 200
            assert await callee.calls[0].ended() == "the peer sent BYE"

    async def test_voice_alone(self) -> None:
        async with pair(Dialect(picture=VideoLine.NONE)) as (handset, callee):
            assert (await handset.dial("9", callee.agent.address).answered()).accepted
            remote = handset.party.remote
            assert remote is not None
            assert [media.kind for media in remote.media] == ["audio"]
            await until(lambda: handset.audio.hearing.seconds(660) > 0.2)
            await handset.hang_up()

    async def test_the_called_side_hangs_up(self) -> None:
        async with pair() as (handset, callee):
            call = handset.dial("9", callee.agent.address)
            await call.answered()
            await callee.calls[0].hang_up()
            assert await call.ended() == "the peer sent BYE"
            assert await handset.hang_up() is None

    async def test_codecs_that_nobody_has_are_refused(self) -> None:
        def take(call: AgentCall) -> None:
            call.refuse(488)

        async with pair(Dialect(voice=Voice.AMR)) as (handset, callee):
            callee.take = take
            outcome = await handset.dial("9", callee.agent.address).answered()
            assert outcome.status == 488


class TestCancel:
    async def test_while_ringing(self) -> None:
        async with pair() as (handset, callee):
            callee.take = lambda call: call.ring()
            call = handset.dial("9", callee.agent.address)
            await until(lambda: call.state == "early")
            outcome = await handset.hang_up()
            assert outcome is not None
            assert outcome.status == 487
            assert callee.calls[0].end_reason == "cancelled by the peer"

    async def test_an_answer_that_crosses_is_followed_by_bye(self) -> None:
        async with pair() as (handset, callee):
            call = handset.dial("9", callee.agent.address)
            call.cancel()  # no provisional response yet: it waits for one, and 200 comes instead
            assert (await call.answered()).status == 487
            assert await callee.calls[0].ended() == "the peer sent BYE"


class TestReoffer:
    async def test_hold_silences_the_other_side_and_resume_brings_it_back(self) -> None:
        async with pair() as (handset, callee):
            await handset.dial("9", callee.agent.address).answered()
            await until(lambda: handset.audio.counts.packets_in > 3)
            assert (await handset.hold()).accepted
            remote = handset.party.remote
            assert remote is not None
            assert [remote.direction_of(n) for n in range(2)] == ["recvonly", "recvonly"]
            silent_from = callee.audio.counts.packets_out
            heard_from = callee.audio.counts.packets_in
            await until(lambda: callee.audio.counts.packets_in > heard_from + 5)  # we still speak: music on hold
            assert callee.audio.counts.packets_out == silent_from
            assert (await handset.resume()).accepted
            await until(lambda: callee.audio.counts.packets_out > silent_from)
            await handset.hang_up()

    async def test_video_is_dropped_and_added_in_the_same_slot(self) -> None:
        async with pair() as (handset, callee):
            await handset.dial("9", callee.agent.address).answered()
            await until(lambda: handset.video.sight.rising(9) > 2)
            assert (await handset.drop_video()).accepted
            offered = callee.party.remote
            assert offered is not None
            assert [(m.kind, m.port > 0) for m in offered.media] == [("audio", True), ("video", False)]
            assert (await handset.add_video()).accepted
            again = callee.party.remote
            assert again is not None
            assert [(m.kind, m.port > 0) for m in again.media] == [("audio", True), ("video", True)]
            assert again.origin.version == offered.origin.version + 1
            seen = handset.video.sight.rising(9)
            await until(lambda: handset.video.sight.rising(9) > seen + 2)
            await handset.hang_up()

    async def test_the_callee_may_refuse_video(self) -> None:
        async with pair() as (handset, callee):
            callee.party.consent = False
            await handset.dial("9", callee.agent.address).answered()
            remote = handset.party.remote
            assert remote is not None
            assert [media.port > 0 for media in remote.media] == [True, False]
            await until(lambda: handset.audio.hearing.seconds(660) > 0.2)
            await handset.hang_up()

    @pytest.mark.parametrize(
        ("answer", "status", "video"),
        [
            (Reaction.ACCEPT, 200, True),
            (Reaction.REFUSE, 200, False),
            (Reaction.DECLINE, 603, False),
            (Reaction.CANNOT, 488, False),
        ],
    )
    async def test_its_user_is_asked_for_video(self, answer: Reaction, status: int, video: bool) -> None:
        async with pair(Dialect(picture=VideoLine.NONE)) as (handset, callee):
            await handset.dial("9", callee.agent.address).answered()
            handset.consent = Consent(answer, after_s=0.2)
            asked_at = asyncio.get_running_loop().time()
            outcome = await callee.calls[0].reoffer()
            assert outcome.status == status and asyncio.get_running_loop().time() - asked_at >= 0.2
            if video:
                await until(lambda: handset.video.sight.rising(9) > 2)
                assert (await handset.hold()).accepted
                held = callee.party.remote
                assert held is not None and [m.port > 0 for m in held.media] == [True, True], "it keeps the line"
            else:
                assert handset.party.video_format is None
            await handset.hang_up()

    async def test_a_question_that_its_user_ignores_ends_with_the_call(self) -> None:
        async with pair(Dialect(picture=VideoLine.NONE)) as (handset, callee):
            await handset.dial("9", callee.agent.address).answered()
            handset.consent = Consent(Reaction.IGNORE)
            asking = asyncio.create_task(callee.calls[0].reoffer())
            await until(lambda: len(handset.call.offers_in) == 1)
            await callee.calls[0].hang_up()
            assert (await asking).status == 487

    async def test_a_reinvite_that_meets_ours_gets_491(self) -> None:
        async with pair() as (handset, callee):
            await handset.dial("9", callee.agent.address).answered()
            first, second = await asyncio.gather(handset.hold(), callee.calls[0].reoffer())
            assert 491 in (first.status, second.status)
            await handset.hang_up()


class TestInfo:
    async def test_a_picture_request_makes_a_key_frame(self) -> None:
        async with pair() as (handset, callee):
            call = handset.dial("9", callee.agent.address)
            await call.answered()
            await until(lambda: handset.video.sight.rising(9) > 0)  # so it asks for none by itself any more
            before = callee.video.counts.key_frames_out
            control = b"<media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder></vc_primitive></media_control>"
            assert (await call.inform("application/media_control+xml", control)).accepted
            await until(lambda: callee.video.counts.key_frames_out > before)
            assert callee.party.picture_requests == 1
            await handset.hang_up()
