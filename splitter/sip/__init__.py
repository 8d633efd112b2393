"""SIP without I/O (RFC 3261): messages, dialogs, transactions. Pure: no sockets, no clocks, no event loop.

Layout, from the bottom up:

    grammar.py      pieces of the grammar that many headers share: quoted strings, parameters, numbers
    headers.py      the ordered, lossless list of header lines
    uri.py via.py   typed values: SipUri, NameAddr, Via
    message.py      Request and Response
    parse.py        bytes → message; stream framing
    multipart.py    bodies inside bodies
    dialog.py       dialogs (§12)
    digest.py       Digest authentication: challenges, proofs, hashes (§22, RFC 7616, RFC 8760)
    authorizer.py authenticator.py nonce.py   its client, its server, and the server's nonces
    transactions/   the four transaction machines as tables (§17, RFC 6026)
    endpoint.py     the transaction layer as one object

Glossary:

    message       a request or a response
    header line   one `Name: value` of a message, folded or not; the unit that keeps order and spelling
    header value  one element of a comma-separated list; a line may hold several
    tag           the half of a dialog's identity that one side chose
    branch        the identity of a transaction, in the topmost Via
    route set     the proxies that every request in a dialog visits, frozen when the dialog is made
    remote target the peer's Contact: where requests in a dialog finally go
    flow          our socket and the peer's address: the path a message takes

Whatever a peer can do wrong raises PeerError, and nothing else.
"""
