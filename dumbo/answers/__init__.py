"""What a user may ask: why a call has a result or not, and how functions stand to theirs."""
