"""a=crypto lines (RFC 4568, RFC 7714): which of them can be used."""

from __future__ import annotations

from base64 import b64encode

import pytest

from splitter.sdp.srtp import Crypto, StreamKeys, Suite, read_cryptos

KEY = bytes(range(30))
TEXT = b64encode(KEY).decode()
SUITE = "AES_CM_128_HMAC_SHA1_80"


class TestReading:
    @pytest.mark.parametrize(
        ("value", "tag"),
        [
            (f"1 {SUITE} inline:{TEXT}", 1),
            (f"42 {SUITE.lower()} inline:{TEXT}|2^31", 42),
            (f"7 {SUITE} inline:{TEXT}|1000000 WSH=64", 7),
            (f"0 {SUITE} inline:{TEXT} -KEPT=1 -x", 0),  # RFC 4568 §6.3.7: whoever does not know it passes it over
        ],
    )
    def test_takes_what_can_be_done_as_it_says(self, value: str, tag: int) -> None:
        assert read_cryptos([value]) == [Crypto(tag, Suite.AES_CM_128_HMAC_SHA1_80, KEY)]

    @pytest.mark.parametrize("padding", ["", "=", "==", "==="])
    def test_takes_a_key_with_any_padding(self, padding: str) -> None:
        key = bytes(range(28))
        text = b64encode(key).decode().rstrip("=") + padding
        assert read_cryptos([f"1 AEAD_AES_128_GCM inline:{text}|2^48"]) == [Crypto(1, Suite.AEAD_AES_128_GCM, key)]

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "1",
            f"x {SUITE} inline:{TEXT}",
            f"1 F8_128_HMAC_SHA1_80 inline:{TEXT}",
            f"1 {SUITE} inline:{TEXT[:-4]}",
            f"1 {SUITE} inline:????",
            f"1 {SUITE} uri:https://keys.example",
            f"1 {SUITE} inline:{TEXT}|2^31|1:4",  # an MKI in each packet
            f"1 {SUITE} inline:{TEXT};inline:{TEXT}",
            f"1 {SUITE} inline:{TEXT} UNENCRYPTED_SRTP",
            f"1 {SUITE} inline:{TEXT}|2^48 UNENCRYPTED_SRTCP",
            f"1 {SUITE} inline:{TEXT} KDR=10",
            f"1 AEAD_AES_256_GCM inline:{TEXT}",
        ],
    )
    def test_passes_over_what_cannot(self, value: str) -> None:
        good = f"2 {SUITE} inline:{TEXT}"
        assert [one.tag for one in read_cryptos([value, good])] == [2]

    def test_what_is_written_is_read(self) -> None:
        lines = [Crypto(tag, suite, bytes(suite.key_bytes)) for tag, suite in enumerate(Suite, 1)]
        assert read_cryptos([one.value for one in lines]) == lines

    def test_a_flood_of_lines_is_bounded(self) -> None:
        assert read_cryptos(["x"] * 1000 + [f"1 {SUITE} inline:{TEXT}"]) == []


class TestKeys:
    def test_are_in_no_text_that_is_printed(self) -> None:
        shown = repr(
            (StreamKeys(Suite.AES_CM_128_HMAC_SHA1_80, KEY, KEY), Crypto(1, Suite.AES_CM_128_HMAC_SHA1_80, KEY))
        )
        assert TEXT not in shown and repr(KEY) not in shown
