"""A call until it is answered: coroutines that can be read from top to bottom and wait in the inbox.

They act on the call themselves, and run steps of `flows` by `actor.carry_out` for what may happen at any time.

split       an INVITE from the SBC is taken in, brought to the centre and answered; then the call is `actor.converse`'s
intake      the INVITE is judged, and the voice gets its ports
arrived_side the side that called: what it offers and is told until the answer
delayed     an INVITE without SDP, of the caller or towards the centre
"""
