"""Stills of live pictures for those who look while people talk: key frames become JPEG files, in a process of its own.

Layout
    still      one key frame decoded, and written as JPEG
    process    the process, which may be killed at any time

What it decodes comes from strangers: a fault in a decoder ends a process that carries nothing else.
"""
