"""Steps of a live call: what it does when something happens to it. Pure.

A step is a generator that reads a `talk.live.LiveCall`, changes its value, and yields commands (`talk.commands`); the
actor (`calls.actor`) carries each out before the step goes on. All flows are steps; what comes before the answer is a
coroutine (`calls.setup`) that runs some of them.

converse    the answered call: who hangs up, what is passed to whom; the one match for its events
meanwhile   what may happen in any state of a call, beside its set-up and its voice
reoffer     re-INVITEs of either side: absorbed, or relayed to the other side
consult     which side is asked what the other one wants, and the outcome for the one that waits
own_offers  our own: a side is told what stands when media have moved
escalate    a desk asks the caller for video, in a re-INVITE that a person must consent to, and drops it again
caller_video  where the caller's video stands; what `escalate` knows of it
agreement   what both sides agreed on: as offers of ours, and how it is carried out
newcomer    another leg of the centre takes the place of the present one
words       what an offer wants, in the words of the trace
early       offers before the answer, in UPDATE and PRACK
moves       a media worker died: the voice and the room go to another, in any state of the call
seats       a seat joins by SIP, by plain RTP or WebRTC, and leaves again
desk        what desks ask by API: a browser joins by WebRTC, restarts ICE, leaves; what is shown, stills, binding
presence    who in the room is connected, sends, sees what; the time that an interrupted party has to come back
binding     the centre names the agent who has the call
belonging   whose call it is, and what follows when that changes
consent     a desk asks to be let into another desk's call
silences    a voice, or the picture of the caller, that does not come though it should
strangers   media come from a host that no description named
digits      a digit in INFO is passed on, as INFO or in the voice
"""
