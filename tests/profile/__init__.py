"""Flows that operators' networks really produce and that break gateways, each a test with its name.

Here are those that SIP, SDP, RTP and rooms can show without a call; tests/calls has those that need one.
"""
