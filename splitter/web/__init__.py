"""The HTTP doors: the API on the control socket and, where it is configured, over TLS; pages; /metrics for Prometheus.

Layout:
    api.py          the table of /v1: every route with the scopes it needs, and the application over it
    routes.py       what a route is; openapi.py makes the document of the table, shapes.py has the JSON types
    server.py       opens and closes the listeners; listener.py is the one that others reach
    errors.py       the one JSON shape of an error, and the border where unexpected ones are logged
    ports.py        what the API needs of the rest of the program, as Protocols

    auth.py         who asks, and may it; bearer.py: signed tokens; secret.py: what they are signed with
    revocations.py  tokens that hold no longer; revoke.py: the route
    proxies.py      who really asks, where a proxy stands before us; protection.py: headers of every response
    privacy.py      what of a call agents' browsers are shown
    find.py         which call a request means, and whose it is
    bodies.py       reads what requests carry, bounded; turns.py: how much at a time
    cors.py         pages of other sites

    calls.py        calls, their binding, their video
    traces.py       what happened to a call
    parties.py      browsers join with video (WHIP)
    admissions.py   desks that ask to be let into another desk's call
    display.py      what viewers see; pictures.py: stills to show
    snapshots.py    stills that are taken; album.py keeps them
    nodes/          the other gateways of a cluster
    invitations.py  links for callers' own browsers; links.py keeps them, inviting.py sends them, messaging.py wires it
    guests.py       lets guests in by them, guesses.py not too often; sharing.py: other nodes; receipts.py: of services
    login.py        logins and tokens; granting.py: what each ends with; login_routes.py, login_shapes.py
    openid_login.py logins by the company's provider; openid.py asks it; sealed.py: texts that only we can write
    gateway.py      status, trunks, desks; status.py: what status is made of; health.py: what is wrong now
    security.py     bans and certificates; defences.py: what stands behind it
    pages.py        console, SDK and guest page

    events.py       the event socket; hub.py, happenings.py, ring.py: who is told what, and what was missed
    webhooks.py     the same told to other programs; delivery.py: what waits for a receiver, and when it is tried
    sender.py       the task that sends it; http_post.py: the way to a webhook; signature.py: that it is ours
    leftovers.py    clears away what ended calls leave behind

Glossary:
    bearer   who asks: a login, a program, a guest
    desk     an agent's place: an extension of the centre with its video clients
"""
