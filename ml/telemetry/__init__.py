"""What the service, its workers and their jobs tell of themselves: logs and traces."""
