"""Writing orders: one by one, in batches, in groups; and their place in the queue."""
