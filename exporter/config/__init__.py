"""The configuration file, the environment and the command line's overrides."""
