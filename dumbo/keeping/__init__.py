"""What the keeper is cut into: each file knows one stretch of the life of a call."""
