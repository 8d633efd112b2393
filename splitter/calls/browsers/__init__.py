"""Web callers: browsers whose calls come in by HTTP and WebRTC, or by SIP.

    settings  what the operator allows         view     what a browser is shown of its call
    customer  who calls                        limits   how many there may be
    door      the way in by HTTP               sip_door the way in by SIP
    line      one browser: its adapter, and what it is shown and says
    switch    all of them
    invite    a web call as an INVITE, which is how calls begin

The leg of such a call is `legs.browser.WebLeg`; of one that came by SIP, `legs.leg.SipLeg` with `legs.webrtc`.
"""
