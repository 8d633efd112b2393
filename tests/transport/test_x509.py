"""When certificates hold."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime

import pytest

from splitter.transport.x509 import Validity, validity
from tests.transport.pki import authority, paper

DAY_S = 86_400.0


class TestValidityRfc5280:
    def test_is_what_openssl_says(self) -> None:
        path = paper("DNS:a.example").certificate
        said = subprocess.run(
            ["openssl", "x509", "-in", path, "-noout", "-dates"], capture_output=True, text=True, check=True
        )
        times = [line.partition("=")[2] for line in said.stdout.splitlines()]
        wanted = [datetime.strptime(time, "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC).timestamp() for time in times]
        assert list(validity(path.read_text())) == wanted

    def test_the_first_of_a_chain_counts(self) -> None:
        ours, its = paper(ended=True).certificate.read_text(), authority().certificate.read_text()
        assert validity("some notes\n" + ours + its) == validity(ours)
        assert validity(its + ours) == validity(its)

    def test_years_past_2049_are_written_in_another_way(self) -> None:
        far = validity(paper(days=365 * 40).certificate.read_text())
        assert 39 < (far.ends - far.begins) / (365 * DAY_S) < 41

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
            "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----",
        ],
    )
    def test_what_is_no_certificate_is_told(self, text: str) -> None:
        with pytest.raises(ValueError, match="certificate"):
            validity(text)

    def test_a_certificate_cut_short_is_told_wherever_it_is_cut(self) -> None:
        body = "".join(paper().certificate.read_text().splitlines()[1:-1])
        for size in range(0, len(body) - 4, 4):
            with pytest.raises(ValueError, match="certificate"):
                validity(f"-----BEGIN CERTIFICATE-----\n{body[:size]}\n-----END CERTIFICATE-----")


class TestWarnings:
    HELD = Validity(0.0, 100 * DAY_S)

    def test_before_in_and_after_its_time(self) -> None:
        assert "only from 1970-01-01" in self.HELD.objection(-1.0)
        assert self.HELD.objection(50 * DAY_S) == ""
        assert self.HELD.objection(101 * DAY_S) == "expired on 1970-04-11 00:00 UTC"

    def test_the_end_is_announced(self) -> None:
        assert self.HELD.warning(50 * DAY_S) == ""
        assert self.HELD.warning(90 * DAY_S) == "expires on 1970-04-11 00:00 UTC"
        assert "expired" in self.HELD.warning(101 * DAY_S)
