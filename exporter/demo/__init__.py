"""A simulated booking app that writes a realistic Laravel log, and a tour of the daemon following it."""
