"""The native part: a small C library that passes over whole blocks, used where it could be built."""
