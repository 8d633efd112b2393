"""The same told to other programs, by signed POSTs.

webhooks.py   which there are, and what each is told
delivery.py   what waits for a receiver, and when it is tried; sender.py: the task that sends it
http_post.py  the way there; signature.py: that it is ours
"""
