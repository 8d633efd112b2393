"""Who may log in, who did, and where we log in ourselves.

Layout:
    access          tokens of the API, and where it listens
    accounts        users and their secrets
    limits          how often logins may fail
    reception       judges REGISTER and INVITE of seats that must log in
    registrar       pure: where seats are registered
    registration    our own registration at a centre
"""
