"""Whether a result is worth keeping: pure functions of measured costs."""
