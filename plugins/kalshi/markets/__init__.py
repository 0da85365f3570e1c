"""What the exchange lists: markets, events, fees, candles, and when it is open."""
