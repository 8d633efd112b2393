"""The operator's configuration: one TOML file becomes frozen dataclasses, or the full list of what is wrong with it.

A key is declared at the field that it fills, by a `splitter.core.keys.Key`; how its text becomes a value stands beside
the type of that value.

Layout:
    model.py     Settings: everything the file says, as one value
    load.py      file → Settings, or ConfigError with every problem at once
    fields.py    a table → a settings class, by what its fields declare
    reader.py    one table of the file, read key by key; collects problems
    sections.py  trunks, routes, gateway, load: what reading them takes beyond their keys
    networks.py  networks and their certificates
    accounts.py  logins: who may come in here, and who we are elsewhere
    api.py       the API over the network, and who may use it
    webhooks.py  other programs that are told what happens
    checks.py    what only shows when the whole file is known: dangling names, overlapping listeners, no centre
    locate.py    key → line number, which the standard TOML parser does not tell
    difference.py what differs between two configurations, key by key, and how much of it a running gateway can take
    beginning.py the text of a first configuration
    reference.py the reference file: every key with its words, bounds and default
    syntax.py    what keeps a file from being TOML
    advice.py    what can be used, and will not do as it seems to be meant
    exposure.py  who else may read or change the file

Glossary:
    problem  one line "FILE:LINE: key: what is wrong; remedy"
    key path ("trunk", "sbc", "peers", 0): where a value stands in the file
"""
