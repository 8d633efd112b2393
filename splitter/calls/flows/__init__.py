"""Call flows, in the order in which a call meets them.

split       the main flow: an INVITE from the SBC is taken in, brought to the centre and answered
converse    the answered call: who hangs up, what media say, what is passed to whom
reoffer     re-INVITEs of either side: absorbed, or relayed to the other side; our own when media have moved
seats       a seat joins by SIP and leaves again
"""
