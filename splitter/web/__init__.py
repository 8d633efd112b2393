"""The HTTP doors: the API on the control socket and, where it is configured, over TLS; pages; /metrics for Prometheus.

Layout, from what is built on to what builds on it:
    http/         what requests and answers are made of: routes, bodies, errors
    access/       who asks, what they may do, and what they see
    door/         how requests come in, and in which order they are served
    shapes.py     JSON that any answer may have; the rest is in `shapes` of each package
    ports.py      what the API needs of the rest of the program, as Protocols

    events/       the event socket
    logins/       logins and tokens
    calls/        live calls, who joins them, what is shown
    records/      ended calls
    stills/       pictures that callers are shown, and screenshots
    recordings/   recordings and their films
    guests/       callers' own browsers, invited by a link
    callers/      browsers that call in
    webhooks/     other programs are told what happens
    nodes/        the other gateways of a cluster
    status/       the gateway itself

    pages.py      console, SDK and guest page; static/ has their files; relays.py: TURN servers with their passwords
    api.py        the table of /v1, made of `routes` of each package, and the application over it
    openapi.py    the document of that table; field_words.py, operation_names.py: its words
    server.py     opens and closes the listeners

Glossary:
    bearer   who asks: a login, a program, a guest
    desk     an agent's place: an extension of the centre with its video clients
"""
