"""A simulated booking app that writes a realistic Laravel log, and a tour of the daemon following it."""

DEFAULT_RATE = 50.0
"""Records per second."""
