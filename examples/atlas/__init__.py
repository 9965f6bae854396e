"""Which modules of the standard library are the riskiest to touch?

Four memoized stages over the sources that come with this Python:

    outline(source)   read and parse: what a file imports, and what its functions look like
    measure(source)   measure: how much there is to understand in a file (Halstead's effort)
    relate(imports)   relate: who needs whom, who breaks when a module breaks
    twins(sketches)   relate: which functions are near copies of one another
    rank(...)         summarise: one row per module

The stages hand values to one another, and no stage knows where its input came from. So an
edit in `outline` that leaves the imports as they were leaves `relate` alone.
"""
