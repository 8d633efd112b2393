"""Fuzzing of everything that reads bytes of a peer: SIP, streams of it, SDP, RTCP and RTP.

targets.py       what must hold for any bytes, one function a parser
seeds.py         messages to begin from: the golden and torture files
edits.py         hypothesis strategies that dent them
test_*.py        the properties, in every run of the unit tests
cost.py          how much work a parser did, counted; test_linear.py compares it over lengths
atheris_main.py  the same targets under a coverage-guided fuzzer: `make fuzz`
"""
