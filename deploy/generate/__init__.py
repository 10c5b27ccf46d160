"""The manual page and the shell completions, made from the command line that `exporter.cli` declares."""
