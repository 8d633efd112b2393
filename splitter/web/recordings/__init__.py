"""Recordings: of live calls, and those that were made.

recordings.py  the operations; folder.py: found, opened, entered in the ledger
films.py       what browsers play
routes.py      their table; shapes.py
"""
