"""Calls that outlive their process: what is written down of each, and how the next process goes on with it.

records      when the value of a call is written        frame        what its bytes say about themselves
epochs       deadlines that outlast a process           precaution   written down before it is said
remains      what a call leaves to the next process     recovery     that process takes it up
claims       the voice of calls of before, first        undertaker   ends what cannot go on
"""
