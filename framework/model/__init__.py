"""Values and state of the trade: units, markets, books, orders, portfolio, events, commands."""
