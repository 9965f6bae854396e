"""What stays on disk: results as files, and the index that finds them.

    store     what the rest of dumbo talks to; the one place where the parts below meet
    ground    what it stands on: a directory, its index, its locks
    proofs    its part that traces lie in
    saving    how results are put into it; `removal`, how they are taken out
    listing   what there is in it; `recovery`: what only the files know of
    index     one SQLite file, disposable: connections, damage, forks
    peeks     reading it without a lock
    rows      entries and traces as its rows, with their checksums
    blobs     one result in one file: written once, checked before it is believed
    headers   what such a file says about itself
    drafts    one on its way; `shelves`, the folders that they lie in
    codecs    values as bytes, and back
    squeeze   what is compressed, where that is wished for
    fidelity  what may be stored: only what comes back as it was
    items     what a generator yielded, one by one; recordings while it still does
    seal      signatures, where there is a key
    locks     who computes which key
    folder    a directory that nobody else can write to
    records   what goes in and out

    housekeeping   what goes when space is short, or when nothing refers to it
    verify         is everything what was written?
    room           when it is time to look whether space is short
    archive        results in one file, to be moved

Imports nothing by itself: a program that never misses its memory needs no disk.
"""
