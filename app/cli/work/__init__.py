"""What the commands do. Slow to import, so reached through `app.cli.on_demand`."""
