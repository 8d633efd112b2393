"""The blocks of all sides of a mix, and what each is to hear of them. No I/O: the clock is its owner's.

Each side hears the sum of those whom it may hear. One product of two small matrices makes all sums at once: who hears
whom, times what everybody says.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from splitter.media.ports.voice import Hearing, MixedSide
from splitter.media.voice import BLOCK, RATE
from splitter.media.voice.codecs import Block, VoiceCodec, codec_of
from splitter.media.voice.g711 import Samples
from splitter.media.voice.incoming import Incoming
from splitter.media.voice.limiter import LOUDEST, Limiter
from splitter.media.voice.speaker import Speaker
from splitter.sdp.voice import VoiceFormat

_RISE = np.arange(1, BLOCK + 1, dtype=np.float32) / BLOCK


@dataclass(slots=True)
class MixedVoice:
    """One side in a mix: what it says, and how it is told what the others say."""

    format: VoiceFormat
    codec: VoiceCodec
    incoming: Incoming
    limiter: Limiter = field(default_factory=Limiter)

    @classmethod
    def of(cls, format: VoiceFormat) -> MixedVoice:
        """Make a member of somebody who speaks this. Raises LocalError where it cannot be mixed."""
        codec = codec_of(format)
        return cls(format, codec, Incoming(format, codec))

    def speak(self, format: VoiceFormat) -> None:
        """Speak another format from now on. Raises LocalError where it cannot be mixed."""
        if format != self.format:
            self.codec = codec_of(format)
            self.incoming.speak(format, self.codec)
            self.format = format


class Mixer:
    """All sides of one mix. `speaker`: who speaks, and how loud each is.

    Whoever comes, goes, or is muted while it speaks is faded in or out over one block: a voice that is cut is a click.
    """

    def __init__(self) -> None:
        self._members: dict[int, MixedVoice] = {}
        self._leaving: dict[int, MixedVoice] = {}
        self._hearing: Hearing = ()
        self._ears = self._ears_before = np.zeros((0, 0), np.float32)  # by who hears, by who is heard
        self._changing = False  # one block goes over from the ears of before to those of now
        self._was: set[tuple[int, int]] = set()  # who heard whom in the last one
        self._said: Samples = np.zeros((0, BLOCK), np.float32)
        self.speaker = Speaker()

    # ---- who is in it --------------------------------------------------------------------------------------------

    def admit(self, side: int, format: VoiceFormat) -> None:
        """Let somebody in, or let it speak another format. Raises LocalError where that cannot be mixed."""
        member = self._members.get(side)
        if member is None:
            made = MixedVoice.of(format)
            self._leaving.pop(side, None)
            self._members[side] = made
            self._arrange()
        else:
            member.speak(format)

    def dismiss(self, side: int) -> None:
        """Let somebody out; whoever is not there is no error."""
        if side in self._members:
            self._leaving[side] = self._members.pop(side)
            self._arrange()

    def let_hear(self, hearing: Hearing) -> None:
        """Say who hears whom."""
        self._hearing = hearing
        self._arrange()

    def go_on(self, *sides: int) -> None:
        """Say that these have heard each other until now: nothing of them is faded in."""
        self._was = {(ear, voice) for ear in sides for voice in sides if ear != voice}
        self._arrange()

    def __contains__(self, side: int) -> bool:
        return side in self._members

    def __len__(self) -> int:
        return len(self._members)

    def _pairs(self) -> set[tuple[int, int]]:
        """Who hears whom: (ear, voice)."""
        said = {one.side: one.voices for one in self._hearing}
        return {
            (ear, voice)
            for ear in self._members
            for voice in self._members
            if ear != voice and (ear not in said or voice in said[ear])
        }

    def _arrange(self) -> None:
        ears, voices = list(self._members), [*self._members, *self._leaving]
        self._ears, self._ears_before = _matrix(ears, voices, self._pairs()), _matrix(ears, voices, self._was)
        self._said = np.zeros((len(voices), BLOCK), np.float32)
        self._changing = True

    # ---- packets -------------------------------------------------------------------------------------------------

    def incoming(self, side: int) -> Incoming:
        """The stream of a side. Raises KeyError."""
        return self._members[side].incoming

    def tick(self) -> bool:
        """Take a block of each side. Returns: whether somebody else speaks than before."""
        said = self._said
        for row, member in enumerate((*self._members.values(), *self._leaving.values())):
            member.incoming.playout.read(said[row])
        powers = np.einsum("ij,ij->i", said, said) / BLOCK
        heard = self._ears.any(axis=0)
        levels = zip(self._members, (powers * heard).tolist(), strict=False)  # without those who leave
        return self.speaker.heard(dict(levels))

    def told(self) -> list[tuple[int, Block]]:
        """Say what each side is to hear of the blocks that were taken last."""
        sums = self._ears @ self._said
        if self._changing:
            sums = sums * _RISE + (self._ears_before @ self._said) * (1 - _RISE)
            self._leaving.clear()
            self._was = self._pairs()
            self._arrange()
            self._changing = False
        peaks = np.abs(sums).max(axis=1, initial=0.0).tolist()
        for row, (member, peak) in enumerate(zip(self._members.values(), peaks, strict=True)):
            limiter = member.limiter
            if peak > LOUDEST or limiter.gain != 1.0:
                sums[row] = limiter.limit(sums[row], peak)
        blocks = np.rint(sums).astype(np.int16)
        return list(zip(self._members, blocks, strict=True))

    def rest(self, voice: int, ear: int) -> bytes:
        """All that waits of a side, as another one is to hear it before the next packet goes there as it is."""
        samples = self._members[voice].incoming.playout.rest()
        if ear not in self._members or not len(samples):
            return b""
        return self.encode(ear, np.clip(np.rint(samples), -32768, 32767).astype(np.int16))

    def encode(self, side: int, block: Block) -> bytes:
        """A block as a side is sent it."""
        return self._members[side].codec.encode(block)

    def format(self, side: int) -> VoiceFormat:
        """What a side speaks. Raises KeyError."""
        return self._members[side].format

    def report(self, side: int) -> MixedSide:
        """How a side does; one that is not in it is silent."""
        member = self._members.get(side)
        if member is None:
            return MixedSide()
        playout, incoming = member.incoming.playout, member.incoming
        return MixedSide(
            level_db=round(self.speaker.levels.get(side, -127.0), 1),
            delay_ms=round(playout.delay * 1000 / RATE, 1) if incoming.packets else -1.0,
            concealed=playout.made_up // BLOCK,
            discarded=incoming.discarded + playout.late // BLOCK,
        )


def _matrix(ears: list[int], voices: list[int], pairs: set[tuple[int, int]]) -> Samples:
    rows = [[(ear, voice) in pairs for voice in voices] for ear in ears]
    return np.array(rows, np.float32).reshape(len(ears), len(voices))
