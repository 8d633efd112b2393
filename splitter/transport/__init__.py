"""SIP on the network: sockets, connections, and the driver that runs the endpoint in them. Does I/O.

Glossary:
    flow         one of our sockets and one peer address; over TCP, one connection (splitter.core.net.Flow).
    listener     who is told of the events of a transaction or a dialog.
    tap          sees each message as it passes, in and out; the trace is one.
    source       where a datagram or connection comes from; one that no trunk names is met with silence.
    stream       one connection: TCP, TLS or WebSocket.
    abuse        what costs a source points; so many get it banned for a while.
    to hold      to keep a connection alive because a dialog or registration needs it.

Layout:
    driver         Driver: endpoint + sockets + the one timer; hands events to listeners
    sockets        all sockets of all networks, the check of the source, the way out
    timer          OneTimer: the timer of the endpoint
    unheard        messages that wait until they may be heard
    dispatch       which listener an event belongs to
    large          pure: requests too long for a datagram
    udp            one datagram socket, ICMP errors included
    gate, bans     who may come in; points, bans with an end
    stream         what all connections have in common
    tcp            one TCP or TLS connection: framing, limits
    websocket      one WebSocket connection (RFC 7118), on aiohttp
    acceptor       one listening TCP socket
    connecting     opens one connection to a peer
    connections    the pool of connections: found, kept alive, closed
    holds          pure: which connections dialogs and registrations need
    tls            certificates and contexts of every network; reload
    identity, x509 pure: whom a certificate speaks for (RFC 5922); when it holds
    descriptors, memory   what many connections take, allowed before and given back after
    addressing     which of our addresses serves a network, what it is advertised as; URIs to flows
    targets        pure: which DNS records to ask for, and the order of what they name
    resolver, stub names that are watched; one question to the DNS
    counters       what is counted, as a port to the metrics
    quiet          log lines that a flood cannot multiply
    tasks          the supervised set of background tasks
    settings       what the operator sets
"""
