"""What `booking-exporter check` looks at: logs and state, without writing anything."""
