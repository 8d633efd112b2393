"""Session descriptions (RFC 8866) and what two sides agree on with them (RFC 3264). Pure.

Layout, from the bottom up:

    model         a description as values: Session, Media, Attribute, Codec, Origin
    parse, write  bytes to Session and back, without loss
    h264          what a profile-level-id says
    carry         which attributes cross from one leg to the other, which end there
    video         choosing, answering, offering, refusing m=video
    split         one offer of a caller becomes the centre's audio offer
    merge         the centre's audio and our video become one description for the caller, and the way back
    upgrade       our offers that raise a voice call to video and drop it again
    precondition  status of resources in answers and offers
    offer_answer  the rules of RFC 3264 as functions that prove them
    compare       how far a change of an audio line reaches
    summary       a description in one line for people

Glossary:

    offer, answer  the two halves of one negotiation; a re-offer is an offer inside a running session
    m-line         one stream; its index is its identity for the whole session, port 0 turns it off
    format         a payload type of an m-line; a codec is what it stands for
    direction      sendrecv, sendonly, recvonly or inactive, as seen by its writer
    hold           sendonly or inactive, or (as RFC 2543 did it) the null address 0.0.0.0
    to carry       to hand an audio line from one leg to the other with our address in it
    to refuse      to answer an m-line with port 0
    standing       as it was in the last description that we sent on a leg
"""
