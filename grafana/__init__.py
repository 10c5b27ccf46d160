"""Dashboards for Grafana: the code that makes them (`generate`), and what imports them (`upload.py`)."""
