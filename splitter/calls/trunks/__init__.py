"""The neighbours: are they alive, how much may they take, which one is next.

Layout:
    link        pure: the health of one server
    trunks      pure: the state of every trunk, the choice among them
    hunt        one call's way through trunks and their servers
    admission   pure: limits of rate and number, what load costs
    monitor     OPTIONS and names
    meter       how late the event loop is
    watch       all of it as one part
"""
