"""Tests of splitter.transport, on real sockets of the loopback interface."""
