"""What `splitter doctor` looks at, each part by itself: it changes nothing.

observation.py one line of the answer
machine.py     the kernel's limits, the clock, memory, disk
places.py      the configuration's addresses, ports and folders
neighbours.py  whether the trunks' servers answer, and name servers
outsiders.py   whether relays (TURN) take our passwords, and services of webhooks, messages and logins can be reached
"""
