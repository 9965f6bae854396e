"""`dumbo.lock`: a file that says what each memoized function depends on, for reviews and tests.

syntax    a function's source, without what does not matter
closure   an analysis, as a lock holds it
form      the file
compare   two locks
report    what differs, in words
project   packages, settings and files: where the parts meet
"""
