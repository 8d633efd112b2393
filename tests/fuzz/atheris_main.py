"""The targets of targets.py under a coverage-guided fuzzer: `make fuzz`. Does I/O.

    python -m tests.fuzz.atheris_main TARGET FOLDER [options of libFuzzer]

The corpus is kept in FOLDER/TARGET, so that the next run goes on where this one ended; what breaks a target is written
to FOLDER/TARGET-crash-… and becomes a test by copying it into a golden folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["splitter"]):
    from tests.fuzz.targets import TARGETS

from tests.fuzz.seeds import seeds

# Words that a mutation would hardly find by itself.
WORDS = {
    "sip": ["SIP/2.0", "\\x0d\\x0a", "\\x0d\\x0a ", "branch=z9hG4bK", "tag=", "Content-Length: ", "multipart/mixed;boundary="],
    "stream": ["SIP/2.0", "\\x0d\\x0a\\x0d\\x0a", "l: ", "Content-Length: "],
    "sdp": ["v=0", "m=audio ", "m=video ", "RTP/AVPF", "a=rtpmap:", "a=fmtp:", "c=IN IP6 ::1", "a=imageattr:", "H264/90000"],
    "fragment": ["a=ice-ufrag:", "a=ice-pwd:", "a=candidate:", "typ host", "a=mid:", "m=video "],
    "rtcp": ["REMB", "\\x80\\xc8", "\\x81\\xce", "\\x81\\xcd"],
    "ng": ["d4:tags", "6:medias", "7:streams", "3:sdp", "lee", "i-1e"],
    "rtp": ["\\xbe\\xde", "\\x10\\x00", "\\x78\\x00", "\\x7c\\x85", "\\x67\\x42"],
}  # fmt: skip


def prepare(target: str, folder: Path) -> list[str]:
    """Write the seeds and the dictionary; the arguments of libFuzzer that name them."""
    corpus = folder / target
    corpus.mkdir(parents=True, exist_ok=True)
    for at, data in enumerate(seeds(target)):
        (corpus / f"seed-{at:03}").write_bytes(data)
    words = folder / f"{target}.words"
    words.write_text("".join(f'"{word}"\n' for word in WORDS[target]))
    return [f"-dict={words}", f"-artifact_prefix={folder}/{target}-", str(corpus)]


def main() -> None:
    """Run one target until libFuzzer ends."""
    program, target, folder, *options = sys.argv
    atheris.Setup([program, *options, *prepare(target, Path(folder))], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
