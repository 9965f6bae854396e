"""What stays on disk: results as files, and the index that finds them.

    store     what the rest of dumbo talks to; the one place where the parts below meet
    index     one SQLite file, disposable: connections, damage, forks
    rows      entries and traces as its rows, with their checksums
    blobs     one result in one file: written once, checked before it is believed
    codecs    values as bytes, and back
    fidelity  what may be stored: only what comes back as it was
    folder    a directory that nobody else can write to
    records   what goes in and out

Imports nothing by itself: a program that never misses its memory needs no disk.
"""
