"""Arguments of a memoized call: how they are bound, and the key of their data.

    registry.py    which type is hashed how; the few words a hasher answers with
    small.py       what is plain and small; imported with dumbo
    flattened.py   small arguments as plain values: calls compared without a digest
    plain.py       the fast road: plain scalars in plain containers, a few or many
    bulk.py        many of them, by the C pickler
    hashing.py     the walk: any value -> digest of its data, and its code roots
    standard.py    hashers of the builtins and the standard library
    instances.py   objects of user classes: fields, slots, what the base holds
    arrays.py      hashers of numpy; loaded when the first such value is met
    frames.py      hashers of pandas; likewise
    typed.py       what the hashers of other libraries share
    for_*.py       torch, pyarrow, polars; scipy.sparse, xarray, networkx and Pillow; likewise
    texts.py       many texts at once, from the buffers of Arrow
    known.py       large data that cannot have changed, with its digests
    untouched.py   whether anybody wrote to mapped memory, by the kernel's account
    places.py      where tables have their data
    signature.py   a call -> the values of its parameters
    matchers.py    the words that say how one argument counts
    annotated.py   those words in a signature
    matching.py    a call of a function with matchers -> its key
    files.py       what lies at a path, as a digest

What counts is one contract, tested by `tests/arguments/same.py`. Knows nothing of
tracing, of what user code is, and of where keys go.
"""
