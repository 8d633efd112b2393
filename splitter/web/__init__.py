"""The HTTP doors: the control socket that the command line talks to, and /metrics for Prometheus.

Layout:
    api.py      the /v1 application and its handlers
    security.py /v1/bans and /v1/reload
    server.py   opens and closes the listeners
    errors.py   the one JSON shape of an error, and the border where unexpected ones are logged
    ports.py    what the API needs of the rest of the program, as Protocols
"""
