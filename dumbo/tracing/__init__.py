"""From a function to what it depends on.

Its closure, a digest of it, and cheap proofs that the digest still holds. The modules by what
they are for:

    reading code        steps, instructions, pairs, normal
    reading objects     lookup, listings, boundary, contents, sources, shapes, opened,
                        annotations
    interpreting        values, frame, and what steps do: loads, attributes, calls, flow,
                        containers, inherited, items, iteration, filling, operators, formatting,
                        patterns, catching;
                        what is called of the standard library: models, registry, functional,
                        copying, reflection, methods, container_methods, namespaces, queries; and
                        local_classes, memo_tables, truth, escapes, uses, vocabulary, mentions,
                        by_name; callgraph, schedule, outside, interpreter, building,
                        unfinished, words, given
    proving             fingerprint, digest, replay, summary, guards, tracker
    observing           observer, observed
    showing             labels, places, account, texts, graphs
"""

from __future__ import annotations

# Of closure digests: traces and entries of another version are not looked at.
#
# version  change
# 1        the first
# 2        entries say what their computation was seen to run
# 3        branches that cannot be taken have no edges; less is called out of sight
# 4        what the program puts into classes and globals by itself rules out no branch
# 5        functions that are only mentioned do not count; items of lists that move do
# 6        call graphs that are too large are cut; empty containers and plain data call nothing
# 7        strings in the arguments pick what is called; membership depends on keys alone;
#          objects that lie deep in arguments are looked into
# 8        what reads code, fields of threads, context variables and the like counts
# 9        what is in containers that are compared counts, and which methods a class lacks
# 10       names of classes pick methods; hooks of abstract classes, what copying calls, and
#          hooks of modules that are asked for their path count;
#          flags among the arguments decide branches, and so do more kinds and identities
# 11       what is put into a live object that went out of sight belongs to that object, and what
#          nobody else calls is looked at before what is far and called by others, too;
#          what containers of some class hold, and what is spread to builtin functions, counts
# 12       of arguments of a library's own types that hold others, only the code counts that
#          lies there; classes that derive from property give what their getters give;
#          what stands before a spread stays in its place; functions that give numbers, and names
#          of classes, give numbers and texts; a class picks its own item of a live table
# 13       methods of descriptors that are called by hand are followed; a field that somebody who
#          is not seen may have set does not end a function
DIGEST_VERSION = 13
