"""Adapters: a web caller's secure transport on one side, plain RTP on the other."""
