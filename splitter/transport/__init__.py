"""SIP on the network: sockets, connections, and the driver that runs the endpoint in them. Does I/O.

Glossary:
    flow         one of our sockets and one peer address; over TCP, one connection (splitter.core.net.Flow).
    listener     who is told of the events of a transaction or a dialog.
    tap          sees each message as it passes, in and out; the trace is one.
    source       where a datagram or connection comes from; one that no trunk names is met with silence.

Layout:
    driver         Driver: endpoint + sockets + the one timer; hands events to listeners
    sockets        all sockets of all networks, the check of the source, the way out
    dispatch       which listener an event belongs to
    udp            one datagram socket, ICMP errors included
    tcp            one TCP connection: framing, limits
    connections    TCP listeners, the pool of connections, connecting
    addressing     which of our addresses serves a network, what it is advertised as; URIs to flows
    targets        pure: which DNS records to ask for, and the order of what they name
    resolver, stub names that are watched; one question to the DNS
    counters       what is counted, as a port to the metrics
    quiet          log lines that a flood cannot multiply
    tasks          the supervised set of background tasks
    settings       what the operator sets
"""
