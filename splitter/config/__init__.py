"""The operator's configuration: one TOML file becomes frozen dataclasses, or the full list of what is wrong with it.

Layout:
    model.py     Settings: everything the file says, as one value
    load.py      file → Settings, or ConfigError with every problem at once
    reader.py    one table of the file, read key by key; collects problems
    sections.py  the tables of the file, one function each
    webhooks.py  other programs that are told what happens
    networks.py  networks, their certificates, and the bounds of the transport
    accounts.py  logins: who may come in here, and who we are elsewhere
    api.py       the API over the network, and who may use it
    trunks.py    names, watching and limits of trunks; overload; name servers
    values.py    addresses, peers, patterns: values written as text
    checks.py    what only shows when the whole file is known: dangling names, overlapping listeners, no centre
    locate.py    key → line number, which the standard TOML parser does not tell

Glossary:
    problem  one line "FILE:LINE: key: what is wrong; remedy"
    key path ("trunk", "sbc", "peers", 0): where a value stands in the file
"""
