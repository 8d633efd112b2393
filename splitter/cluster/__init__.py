"""Several gateways that stand in for each other (docs/decisions/0021).

host      a machine
node      one gateway identity: a name, a configuration, its addresses, its calls
lease     who of its processes is the node now: a key in Valkey that passes by itself
fence     a number that goes up each time the lease changes hands; a write with an older one is refused
active    a process that holds the lease of its node
standby   one that waits for it: configuration read, modules loaded, nothing open but the control socket
alone     active, while Valkey cannot be reached: nothing is protected
"""
