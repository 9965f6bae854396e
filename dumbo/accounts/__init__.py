"""What caching has cost and gained: counted in a process, and kept across runs."""
