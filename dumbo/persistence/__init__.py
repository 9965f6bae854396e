"""What stays on disk: results as files, and the index that finds them.

    store     what the rest of dumbo talks to; the one place where the parts below meet
    index     rows in SQLite; disposable
    blobs     one result in one file: written once, checked before it is believed
    codecs    values as bytes, and back
    folder    a directory that nobody else can write to
    records   what goes in and out

Imports nothing by itself: a program that never misses its memory needs no disk.
"""
