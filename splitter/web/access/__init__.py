"""Who asks, what they may do, and what they see.

auth.py         who asks, and may it; terms.py: logins, tokens and settings, which may change while they are used
bearer.py       signed tokens; secret.py: what they are signed with; sealed.py: texts that only we can have written
links.py        codes that lead into one call; used_codes.py: of authenticator apps
revocations.py  tokens that hold no longer
privacy.py      what of a call agents' browsers are shown
scopes.py       sets of scopes that operations need
"""
