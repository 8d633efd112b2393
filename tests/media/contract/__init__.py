"""What every media engine promises: one suite, run against each of them.

`FakeEngine` (virtual time) is what some hundred tests of calls trust; here it shows that it does as `WorkerEngine`, with
real workers and sockets, does. A new engine gets a `Given` in conftest.py.
"""
