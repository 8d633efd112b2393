"""What is left of a call when it is over. Pure.

detail     a row about it: all that it is billed and reported by; rows.py: as the store keeps it
diagnosis  why somebody was not heard or not seen, and the lines of its trace that prove it
measured   figures of its media, for the metrics
wrap_up    what its agent notes
"""
