"""The kit for authors of plugins: builders of values, and what drives a plugin in a test."""
