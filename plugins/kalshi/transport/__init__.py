"""REST over the exchange's connections: signing, limits, lanes, and what a refusal means."""
