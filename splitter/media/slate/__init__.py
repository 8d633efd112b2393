"""The slate: the still picture that is shown while there is no other. Drawn and encoded once, then only repeated.

Layout:
    slate    Slate: all forms of it, by size and by who looks (the caller, a seat)
    still    Still: one form as H.264 access units
    draw     draws the built-in picture, reads the operator's (file I/O)
    encode   picture → Still, with libx264
    chinese  the Chinese lines, as pictures of text
"""
