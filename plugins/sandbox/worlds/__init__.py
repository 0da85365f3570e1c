"""Where markets, quotes and trades come from: a seed, or a recording."""
