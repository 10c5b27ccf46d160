"""Event definitions and what a record means by them; pure."""
