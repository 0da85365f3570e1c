"""The WebSocket: its session and frames, subscriptions, sequence numbers and reconnecting."""
