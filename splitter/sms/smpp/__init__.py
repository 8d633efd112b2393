"""SMPP 3.4 as an ESME: a codec and a machine without I/O, and the connection beside them (docs/decisions/0024).

Layout:
    pdu.py       bytes ↔ Pdu; the bodies that we send and read
    receipt.py   what a deliver_sm says of a message
    status.py    command statuses in words, and what they mean for a message
    session.py   one connection, from bind to unbind: bytes and time in, bytes and news out
    link.py      keeps a connection, and hands messages to it; asyncio
"""
