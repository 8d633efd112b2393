"""The gateway's processes are killed at random under calls that begin, change and end; `python -m tests.chaos` plays it."""
