"""The other gateways of a cluster, as those who ask this one need them (docs/decisions/0022).

    feed.py        listens to the event socket of another node: its calls and desks are shown here
    forward.py     passes a request on to the node that has the call
    kept.py        who has kept a call that ended
    neighbours.py  which nodes there are, and what is wrong with them

Nobody here waits for another node but whoever asked for something of it.
"""
