"""booking-exporter: a Laravel booking app's logs and database, as Prometheus series."""

__version__ = "0.1.0"
