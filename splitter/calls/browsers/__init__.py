"""Web callers: browsers whose calls come in by HTTP and WebRTC.

    settings  what the operator allows         view     what a browser is shown of its call
    line      one browser: its adapter, and what it is shown and says
    switch    all of them
    invite    a web call as an INVITE, which is how calls begin

The leg of such a call is `legs.browser.WebLeg`.
"""
