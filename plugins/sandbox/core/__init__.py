"""The exchange itself, without a wire: orders matched, money kept, markets opened and settled."""
