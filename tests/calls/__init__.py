"""Calls: the pure modules by themselves, and call flows in the world of `tests.world`, read from top to bottom."""
