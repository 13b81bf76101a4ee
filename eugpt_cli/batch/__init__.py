"""Many requests: items in, rows out, concurrent and resumable."""
