"""How requests come in, and in which order they are served.

listener.py   TCP and TLS, bounded in connections and patience
turnstile.py  one after the other, so that calls go first; precedence.py: then those who are known, then strangers
cors.py       pages of other sites
"""
