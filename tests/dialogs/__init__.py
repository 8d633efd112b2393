"""Dialogs in the virtual world: what the IMS makes of SIP, one module for each RFC.

test_reliable         RFC 3262  provisional responses with PRACK, of either side
test_update           RFC 3311  UPDATE before and after the answer; RFC 6141, RFC 3261 §14: glare, outcomes of re-INVITE
test_preconditions    RFC 3312  the caller's resources
test_session_timer    RFC 4028  who refreshes, how, and what comes of a refresh that fails
test_delayed          RFC 3261 §13.2.1  offers in 2xx, and every way to hang up meanwhile
test_replaces         RFC 3891  the centre takes a call over from itself
test_reason           RFC 3326  why a call ended
kit                   steps that many of them take
"""
