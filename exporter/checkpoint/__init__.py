"""The state file: positions and series in one transaction."""
