"""What happens, told on event sockets to those whom it concerns.

socket.py      the event socket itself
hub.py         what happens goes to everybody whom it concerns; audience.py: those who listen
happenings.py  what is told, and who sees what of it
streams.py     what one node tells; ring.py: what was missed; memory.py: what the next process has to know
routes.py      its line of the table
"""
