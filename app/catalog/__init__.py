"""What can be named in a request: job kinds, presets, rewards."""
