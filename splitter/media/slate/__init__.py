"""Stills: the slate, which is shown while there is nothing else, and uploaded pictures. Encoded once, then repeated.

Layout:
    slate    Slate: all forms of it, by size and by who looks (the caller, a seat)
    still    Still: one form as H.264 access units
    draw     draws the built-in picture, reads the operator's (file I/O)
    picture  decodes an uploaded picture
    encode   picture → Still, with libx264
    chinese  the Chinese lines, as pictures of text
"""
