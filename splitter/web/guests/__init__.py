"""Callers' own browsers: they are invited by a link, and show their camera.

invitations.py  the route that invites; inviting.py: link and message; messaging.py: the ways; receipts.py: of SMS
guests.py       lets in by the code of a link; guesses.py: not too often; sharing.py: links of other nodes; qr.py
calls.py        what a guest's page asks; view.py: what it is told; feed.py: at once
chat.py         messages and the place; photos.py; ratings.py
climbing.py     the next step by itself, where a phone cannot give video
link_routes.py  the table of links; routes.py: of the page; shapes.py
"""
