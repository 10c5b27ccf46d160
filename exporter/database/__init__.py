"""The database sampler: asks the app's database in a thread of its own, and only reads."""
