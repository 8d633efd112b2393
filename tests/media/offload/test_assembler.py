"""Instructions as RFC 9669 encodes them."""

from __future__ import annotations

import pytest

from splitter.core.errors import LocalError
from splitter.media.offload.assembler import Assembler


def assembled(text: str) -> str:
    code = Assembler({"skb.len": 0, "three": 3}, {"flows": 0x11}).assemble(text)
    return " ".join(code[at : at + 8].hex() for at in range(0, len(code), 8))


class TestInstructions:
    @pytest.mark.parametrize(
        ("text", "code"),
        [
            ("exit", "9500000000000000"),
            ("r6 = r1", "bf16000000000000"),
            ("r0 = -1", "b7000000ffffffff"),
            ("r2 += -40", "07020000d8ffffff"),
            ("r2 >>= three + 1", "7702000004000000"),
            ("r2 ^= 0xFFFF", "a7020000ffff0000"),
            ("r2 *= 24", "2702000018000000"),
            ("r2 += r3", "0f32000000000000"),
            ("r2 = be16 r2", "dc02000010000000"),
            ("r2 = *(u32 *)(r6 + skb.len)", "6162000000000000"),
            ("r2 = *(u16 *)(r8 + 36)", "6982240000000000"),
            ("r2 = *(u8 *)(r8 + 14)", "71820e0000000000"),
            ("r2 = *(u64 *)(r7 + 8)", "7972080000000000"),
            ("*(u32 *)(r10 - 40) = r9", "639ad8ff00000000"),
            ("*(u64 *)(r3 + three + 5) = r0", "7b03080000000000"),
            ("lock *(u64 *)(r7 + 8) += r1", "db17080000000000"),
            ("call map_lookup_elem", "8500000001000000"),
            ("r1 = flows ll", "1811000011000000 0000000000000000"),
        ],
    )
    def test_are_encoded(self, text: str, code: str) -> None:
        assert assembled(f"{text}   ; a comment") == code

    def test_jumps_lead_to_labels_before_and_behind(self) -> None:
        text = "again:\n r1 = 1\n if r1 == 3 goto out\n if r1 > r2 goto again\n goto again\nout:\n exit"
        assert assembled(text) == (
            "b701000001000000 1501020003000000 2d21fdff00000000 0500fcff00000000 9500000000000000"
        )

    @pytest.mark.parametrize(
        "text",
        [
            "r1 = unknown",
            "goto nowhere",
            "call printf",
            "here:\nhere:",
            "r1 = other ll",
            "whatever",
            "r1 = *(u24 *)(r2 + 0)",
        ],
    )
    def test_nonsense_is_named(self, text: str) -> None:
        with pytest.raises(LocalError):
            assembled(text)
