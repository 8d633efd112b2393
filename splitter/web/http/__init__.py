"""What requests and answers are made of, whatever they are about.

routes.py   what a route is: what it asks of those who use it, what it takes and gives
bodies.py   reads what requests carry, bounded; turns.py: how much one token may have under way
errors.py   the one JSON shape of an error, and the border where unexpected ones are logged
proxies.py  who really asks, where a proxy stands before us; protection.py: headers of every response
sending.py  files, whole or in ranges; documents.py: the same for everybody; view_socket.py: one thing as it changes
"""
