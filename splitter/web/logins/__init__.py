"""Logins, tokens for other programs, and their end.

login.py         by password; granting.py: what every login ends with; routes.py, shapes.py
openid_login.py  by the company's provider; openid.py asks it
revoke.py        the route that ends tokens; evictions.py takes those out of calls who came with one
"""
