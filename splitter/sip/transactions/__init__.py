"""The transaction layer: four machines as tables, and the two sides that run them. Pure.

Glossary:
    transaction  one request and the responses to it (RFC 3261 §17); client: we sent it, server: we got it.
    user         whoever sits above and sends requests and responses (the RFC's "TU").
    step         what a table holds for (state, event): actions, next state, timers that start or go on.
    alarm        one running timer; cancelled ones stay in the heap until they surface or the heap is swept.

Layout:
    table                   vocabulary of the tables: State, Event, Action, Step
    invite_client           RFC 3261 §17.1.1 with RFC 6026 §7.2
    non_invite_client       RFC 3261 §17.1.2
    invite_server           RFC 3261 §17.2.1 with RFC 6026 §7.1 and the 2xx of RFC 3261 §13.3.1.4
    non_invite_server       RFC 3261 §17.2.2
    record                  what is remembered about one transaction
    schedule                one heap of alarms
    matching                which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3), where responses go
    side                    runs a table: shared by both sides
    client, server          the actions of either side
"""
