"""Tests of splitter.sip."""
