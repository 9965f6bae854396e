"""Results that other code computed: stale ones, and such as somebody says are as good."""
