"""The gateway itself.

gateway.py   status, neighbours, desks; status.py: what status is made of; health.py: what is wrong now
probes.py    of orchestrators; lending.py: an address that may call for `splitter probe`
security.py  bans, certificates, reloads; defences.py: what stands behind it; reloads.py: what a reload says
routes.py    their table; shapes.py
"""
