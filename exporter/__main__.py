"""`python -m exporter` is `booking-exporter`."""

from exporter.cli import main

main()
