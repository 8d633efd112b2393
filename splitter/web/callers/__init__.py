"""Browsers that call in.

callers.py    their calls; events.py: what they are told; routes.py, shapes.py
admission.py  who may call, and how often; captcha.py; customer_tokens.py
checks.py     would a call find a way
"""
