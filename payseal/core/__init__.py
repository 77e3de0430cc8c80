"""Values that every package speaks; no I/O, and nothing of ours imported from elsewhere."""
