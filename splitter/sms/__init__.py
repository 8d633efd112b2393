"""Short messages with guests' links: queued, sent by one of several ways, and followed until they arrive.

    invitation ──Sms──▶ post.py: queue.py decides, a cabinet keeps ──▶ a carrier: http, smpp, SIP, webhook, outbox
         ▲                 │                                              │
         └─── SmsChanged ◀─┴──────────────── outcomes and receipts ◀──────┘

Layout:
    settings.py   what operators set
    message.py    Sms, its states, what came of an attempt, and of a receipt
    text.py       how long a message is, and how it is cut (UCS-2, UDH)
    wording.py    which text a caller gets
    queue.py      what is tried when, and what it is from then on; time is an argument
    post.py       the task that carries the queue out
    template.py   a request written as a template; signing.py signs it, answers.py reads what comes back, http.py sends
    outbox.py     the file where messages wait for whoever sends them
    smpp/         SMPP 3.4: pdu.py, receipt.py and session.py are pure; link.py keeps the connection

Words: a *carrier* is a way out, an *attempt* is one try of it; a message *in doubt* may have been sent, and is never
sent again.
"""
