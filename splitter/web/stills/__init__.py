"""Pictures that callers are shown, and screenshots of what they show.

pictures.py   put up, listed, taken down; leftovers.py: gone with the call
snapshots.py  taken, and shown again; album.py keeps them
routes.py     their table; shapes.py
"""
