"""Releases over HTTP: which there are, what they do, which one serves."""
