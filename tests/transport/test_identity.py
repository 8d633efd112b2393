"""Whom a certificate speaks for."""

from __future__ import annotations

from typing import Any

import pytest

from splitter.transport.identity import identities, proves


def certificate(*names: tuple[str, str], common: str = "common.example") -> dict[str, Any]:
    """As getpeercert shows it."""
    return {"subject": ((("commonName", common),),), "subjectAltName": names}


class TestIdentitiesRfc5922Section7_1:
    def test_a_sip_uri_leaves_dns_names_out(self) -> None:
        assert identities(certificate(("DNS", "www.example"), ("URI", "sip:Example.com"))) == {"example.com"}

    def test_dns_names_count_where_there_is_none(self) -> None:
        assert identities(certificate(("DNS", "A.example"), ("DNS", "b.example"))) == {"a.example", "b.example"}

    def test_other_schemes_and_persons_are_no_domains(self) -> None:
        found = certificate(("URI", "https://web.example"), ("URI", "sips:s.example"), ("URI", "sip:alice@p.example"))
        assert identities(found) == set()

    def test_a_uri_that_cannot_be_read_is_none_either(self) -> None:
        assert identities(certificate(("URI", "sip:[::1"), ("DNS", "a.example"))) == {"a.example"}

    def test_addresses_in_any_spelling(self) -> None:
        assert identities(certificate(("IP Address", "2001:DB8:0:0:0:0:0:1"))) == {"2001:db8::1"}

    def test_the_common_name_counts_only_without_alternative_names(self) -> None:
        assert identities(certificate(common="Old.example")) == {"old.example"}
        assert identities(certificate(("DNS", "a.example"), common="old.example")) == {"a.example"}
        assert identities({}) == set()


class TestComparisonSection7_2:
    def test_case_does_not_matter(self) -> None:
        assert proves(certificate(("DNS", "pbx.EXAMPLE")), ["PBX.example"])

    def test_one_of_several_is_enough(self) -> None:
        assert proves(certificate(("DNS", "a.example"), ("DNS", "b.example")), ["c.example", "b.example"])

    @pytest.mark.parametrize("name", ["*.example", "*", "p*.example"])
    def test_wildcards_match_nothing(self, name: str) -> None:
        assert not proves(certificate(("DNS", name)), ["pbx.example"])

    def test_a_subdomain_is_another_domain(self) -> None:
        assert not proves(certificate(("DNS", "example")), ["pbx.example"])
        assert not proves(certificate(("DNS", "pbx.example")), ["example"])
