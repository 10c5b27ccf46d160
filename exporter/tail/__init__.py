"""Finding and following files by identity."""
