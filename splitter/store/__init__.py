"""What is kept over a restart: calls and their traces, in one SQLite file, bounded in age and size; pictures beside it.

Layout:
    sqlite.py    Store: takes writes without ever blocking a call, answers reads
    writer.py    the one thread that writes; batches, alarms, heals
    schema.py    tables, rows, pruning (plain functions over a connection)
    pictures.py  Pictures: the library of uploaded pictures, as files
    cabinet.py   Cabinet: small values that are on disk when they are said to be
"""
