"""Tests mirror the tree of the package; interop/ holds those against real peers."""
