"""What can be typed: names, options and help texts, a file a command group. Quick to import."""
