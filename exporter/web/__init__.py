"""The HTTP side: reads snapshots, never writes."""
