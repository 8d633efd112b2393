"""Voice that is more than bytes: what a mix does with it. Pure.

Layout
    mode.py     whether a relay copies or mixes
"""
