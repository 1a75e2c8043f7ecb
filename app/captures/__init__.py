"""Captures over HTTP: look into a log, convert it, see the datasets there are."""
