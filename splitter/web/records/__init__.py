"""Ended calls, and what is noted of them afterwards.

records.py   a row for each; late_changes.py: how one may still change
wrap_ups.py  what the agent notes
routes.py    their table; shapes.py
"""
