"""Operations on live calls, and on what is known of them.

find.py        which call a request means, and whose it is
calls.py       which there are, binding, video, end; placing.py: calls outwards
parties.py     browsers join with video (WHIP); watching.py: streams of others; path_checks.py: would it find a way
admissions.py  desks that ask to be let into another desk's call; phones.py: phones in its voice
display.py     what viewers see
traces.py      what happened; why.py: in a sentence; readings.py: who has read it
routes.py      their table; people_routes.py: of phones, desks, the host; shapes.py
"""
