"""From a function to what it depends on: its closure, a digest of it, and cheap proofs that it still holds."""
