"""rtpengine as the engine of the voice, over its NG control protocol (docs/decisions/0019).

An engine that others run: its packets pass through neither this process nor ours, and a media farm may have several.

    bencode    the encoding of NG. Pure
    messages   what we ask for, and what we read in the replies. Pure
    client     requests and replies over UDP: cookies, repetition, bounds in time
    silence    voices that should come and do not. Pure
    instance   one rtpengine: whether it is there, and what it holds for us
    engine     VoiceEngine over all instances: who gets the next relay
    settings   the keys of the configuration

Glossary:
    instance  one rtpengine, as it is configured
    cookie    the word before each message; a reply repeats the one of its request
    probe     a request by which we see whether an instance is there; it looks at the relay that was looked at last the
              longest ago
"""
