"""Who may be let into a call that is another desk's: who asks for it, and whom its desk has admitted. Pure.

A call is the desk's to which the centre gave it. Others come in by a rule of the configuration, or because that desk
(or a program that may control calls) admits them. Once the centre passes the call on, its next desk decides anew;
those who are in the picture by then stay there until they are taken out.
"""

from __future__ import annotations

ASK_LIMIT_S = 60.0  # then the question is taken back: nobody looks at it
MOST_ASKING, MOST_ADMITTED = 8, 32
MOST_RINGING = 4  # INVITEs of SIP seats that wait for the answer
