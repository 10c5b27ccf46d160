"""The commands of `booking-exporter`, one module each; `exporter.cli` puts them together."""
