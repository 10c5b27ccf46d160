"""The web configuration file of Prometheus's exporter-toolkit: TLS, users, headers, a limit of requests."""
