"""What SIP peers say of a call, and are told of it. Pure.

messages      what legs and flows read from SIP messages and put into them
identity      who calls, and our INVITE: a plain voice call of the same person
facts         what the network says of a caller beside the call: where the phone is, how it is charged
capability    what is known of a handset's video, and what its refusal means; causes.py: of the centre
early_media   who may be heard before the answer
digits        in INFO, and what they become in the voice
binding       which agent the centre names
session_id    one name for the session from end to end
"""
